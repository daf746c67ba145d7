#include "config/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace gw::config {
namespace {

// Closes what it holds. net::Fd stands above.
class OpenFile {
  public:
    explicit OpenFile(int fd) : fd_(fd) {}
    OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    OpenFile& operator=(OpenFile&&) = delete;
    ~OpenFile() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

std::unexpected<Flaw> unreadable(int error) {
    return std::unexpected(Flaw{"cannot be read: " + std::generic_category().message(error),
                                "name an existing, readable file"});
}

// Opened without waiting for whoever is at the other end.
std::expected<OpenFile, Flaw> open_file(const std::string& path, Pipes pipes) {
    OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
        return unreadable(errno);
    }
    if (S_ISREG(status.st_mode)) {
        return file;
    }
    if (pipes == Pipes::refused || !S_ISFIFO(status.st_mode)) {
        return std::unexpected(Flaw{"is no regular file", "put a file there"});
    }
    OpenFile pipe(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (pipe.get() < 0) {
        return unreadable(errno);
    }
    return pipe;
}

}  // namespace

std::expected<std::string, Flaw> read_file(const std::string& path, std::size_t bytes_max,
                                           Pipes pipes) {
    constexpr std::size_t kAtOnce = 64UL * 1024;
    const auto file = open_file(path, pipes);
    if (!file) {
        return std::unexpected(file.error());
    }
    std::string text;
    while (true) {
        const std::size_t filled = text.size();
        // One byte more than allowed tells a file that is too large without reading all of it.
        const std::size_t room = std::min(kAtOnce, bytes_max + 1 - filled);
        text.resize(filled + room);
        const ssize_t got = ::read(file->get(), text.data() + filled, room);
        const int error = errno;
        text.resize(filled + (got > 0 ? static_cast<std::size_t>(got) : 0));
        if (got < 0 && error != EINTR) {
            return unreadable(error);
        }
        if (text.size() > bytes_max) {
            return std::unexpected(
                Flaw{"is larger than " + std::to_string(bytes_max) + " bytes", "shorten it"});
        }
        if (got == 0) {
            return text;
        }
    }
}

std::optional<Flaw> flaw_of_file(const std::string& path) {
    const auto file = open_file(path, Pipes::refused);
    return file ? std::nullopt : std::optional(file.error());
}

}  // namespace gw::config
