// Sockets that are handed to other processes, which end too soon.
#include "net/handover.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace gw::net {
namespace {

// A loop that nothing else stops.
struct AtTheLatest : Timer {
    explicit AtTheLatest(Loop& loop)
        : Timer([](Timer& t) { static_cast<AtTheLatest&>(t).loop.stop(); }), loop(loop) {
        loop.timers().arm(*this, loop.now() + std::chrono::seconds(20));
    }
    Loop& loop;
};

class HandoverTest : public testing::Test {
  protected:
    // Another process, which asks for the sockets and ends.
    void ask() {
        asking_ = ::fork();
        if (asking_ == 0) {
            const auto sockets = take_over(port_);
            ::_exit(sockets.size() == 1 && sockets.front().name == "public" ? 0 : 1);
        }
    }
    int end_of_asking() const {
        int status = -1;
        ::waitpid(asking_, &status, 0);
        return status;
    }
    std::vector<Handover::Offer> offers() const { return {{"public", socket_.get()}}; }

    // No port is bound: it is a part of a name.
    const std::uint16_t port_ = static_cast<std::uint16_t>(::getpid() % 50'000 + 1);
    const Fd socket_{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    Loop loop_;
    const AtTheLatest latest_{loop_};
    pid_t asking_ = -1;
    std::vector<std::string> told_;
};

TEST_F(HandoverTest, OffersItsSocketsAgainWhenWhoHasThemEnds) {
    int backs = 0;
    const Handover handover(loop_, port_, offers(),
                            {.about_to = [this] { told_.emplace_back("about to"); },
                             .done =
                                 [this](int pid) {
                                     EXPECT_EQ(pid, asking_);
                                     told_.emplace_back("done");
                                 },
                             .back =
                                 [&](int pid) {
                                     EXPECT_EQ(pid, asking_);
                                     told_.emplace_back("back");
                                     EXPECT_EQ(end_of_asking(), 0);
                                     if (++backs == 1) {
                                         ask();
                                     } else {
                                         loop_.stop();
                                     }
                                 }});
    ask();
    loop_.run();
    EXPECT_EQ(told_,
              (std::vector<std::string>{"about to", "done", "back", "about to", "done", "back"}));
}

TEST_F(HandoverTest, KeepsItsSocketsWhenWhoHasAskedIsGone) {
    bool first = true;
    const Handover handover(loop_, port_, offers(),
                            {.about_to =
                                 [&] {
                                     told_.emplace_back("about to");
                                     if (std::exchange(first, false)) {
                                         ::kill(asking_, SIGKILL);
                                         end_of_asking();
                                     }
                                 },
                             .done =
                                 [this](int) {
                                     told_.emplace_back("done");
                                     loop_.stop();
                                 },
                             .back =
                                 [this](int) {
                                     told_.emplace_back("back");
                                     ask();
                                 }});
    ask();
    loop_.run();
    EXPECT_EQ(told_, (std::vector<std::string>{"about to", "back", "about to", "done"}));
    EXPECT_EQ(end_of_asking(), 0);
}

}  // namespace
}  // namespace gw::net
