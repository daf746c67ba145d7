// For tests: an output of log lines whose reader is under the test's hand.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace gw::observe {

class Piped {
  public:
    Piped() {
        EXPECT_EQ(::pipe(fds_.data()), 0);
        // A block and more: drain() must not wait for a reader that reads later.
        EXPECT_GE(::fcntl(fds_[1], F_SETPIPE_SZ, 256 * 1024), 0);
    }
    Piped(const Piped&) = delete;
    Piped& operator=(const Piped&) = delete;
    ~Piped() {
        close_reader();
        close_writer();
    }
    [[nodiscard]] int reader() const { return fds_[0]; }
    [[nodiscard]] int writer() const { return fds_[1]; }
    void close_reader() { close(fds_[0]); }
    void close_writer() { close(fds_[1]); }

    // What has been written and not yet read.
    std::string at_hand() {
        std::string text;
        ::fcntl(fds_[0], F_SETFL, O_NONBLOCK);
        read_into(text);
        return text;
    }
    // Everything up to the end, which comes when all writers are closed.
    std::string all() {
        close_writer();
        std::string text;
        ::fcntl(fds_[0], F_SETFL, 0);
        read_into(text);
        return text;
    }

  private:
    static void close(int& fd) {
        if (fd >= 0) {
            ::close(std::exchange(fd, -1));
        }
    }
    void read_into(std::string& text) {
        std::array<char, 65'536> part{};
        for (ssize_t got = 0; (got = ::read(fds_[0], part.data(), part.size())) > 0;) {
            text.append(part.data(), static_cast<std::size_t>(got));
        }
    }
    std::array<int, 2> fds_{};
};

}  // namespace gw::observe
