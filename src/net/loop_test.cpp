// Who is told first, and who never.
#include "net/loop.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace gw::net {
namespace {

class Bell final : public Pollable {
  public:
    Bell(Loop& loop, int share, std::function<void()> heard)
        : loop_(loop), fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), heard_(std::move(heard)) {
        if (share > 0) {
            brings_work(share);
        }
        EXPECT_TRUE(loop_.watch(fd_.get(), EPOLLIN | EPOLLET, *this));
    }
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;
    ~Bell() { loop_.forget(fd_.get(), *this); }

    void ring() {
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(fd_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    }
    void on_events(std::uint32_t /*events*/) override { heard_(); }

  private:
    Loop& loop_;
    Fd fd_;
    std::function<void()> heard_;
};

class Bells : public testing::Test {
  protected:
    // Rings so many that bring work, and has `answer` rung by the first that is heard. How many of
    // them are heard before it?
    int heard_before_the_answer(int share) {
        constexpr int kBells = 30;
        int heard = 0;
        std::optional<int> before;
        Bell answer(loop_, 0, [&] { before = heard; });
        std::deque<Bell> bells;
        for (int i = 0; i < kBells; ++i) {
            bells.emplace_back(loop_, share, [&] {
                if (heard++ == 0) {
                    answer.ring();
                }
                if (heard == kBells) {
                    loop_.stop();
                }
            });
            bells.back().ring();
        }
        loop_.run();
        return before.value_or(-1);
    }

    Loop loop_;
};

TEST_F(Bells, OfNewWorkATurnTakesOnOnlySoMuch) {
    EXPECT_EQ(heard_before_the_answer(1), 16);
}

TEST_F(Bells, OfWhoBringsMuchATurnHearsFewer) {
    EXPECT_EQ(heard_before_the_answer(4), 4);
}

TEST_F(Bells, WhoBringsNoneAreHeardAtOnce) {
    EXPECT_EQ(heard_before_the_answer(0), 30);
}

TEST_F(Bells, WhoGoesWhileWaitingIsNeverTold) {
    int heard = 0;
    std::array<std::unique_ptr<Bell>, 3> bells;
    bells[0] = std::make_unique<Bell>(loop_, 1, [&] {
        ++heard;
        bells[1].reset();
    });
    bells[1] = std::make_unique<Bell>(loop_, 1, [&] { ADD_FAILURE() << "told after its end"; });
    bells[2] = std::make_unique<Bell>(loop_, 1, [&] {
        ++heard;
        loop_.stop();
    });
    for (const auto& bell : bells) {
        bell->ring();
    }
    loop_.run();
    EXPECT_EQ(heard, 2);
}

TEST_F(Bells, WhoRingsAgainWhileWaitingIsToldOnce) {
    int last = 0;
    std::deque<Bell> bells;
    for (int i = 0; i < 30; ++i) {
        bells.emplace_back(loop_, 1, [&, i] {
            if (i == 0) {
                bells.back().ring();  // which waits for the second turn
            }
            if (i == 29) {
                ++last;
                loop_.stop();
            }
        });
        bells.back().ring();
    }
    loop_.run();
    EXPECT_EQ(last, 1);
}

}  // namespace
}  // namespace gw::net
