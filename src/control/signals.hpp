// SIGTERM, SIGINT and SIGHUP as events of the control thread's loop; SIGPIPE is nobody's business.
#pragma once

#include <sys/signalfd.h>

#include <csignal>
#include <functional>

#include "base/ensure.hpp"
#include "net/loop.hpp"

namespace gw::control {

// A signal is an event like others, on the control thread.
class Signals final : net::Pollable {
  public:
    Signals(net::Loop& loop, std::function<void(int)> on_signal)
        : loop_(loop), on_signal_(std::move(on_signal)), fd_(make()) {
        ensure(loop_.watch(fd_.get(), EPOLLIN, *this).has_value(), "signals can be watched");
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    ~Signals() { loop_.forget(fd_.get(), *this); }

    // Before any thread starts, so that all of them leave these signals to us.
    static sigset_t block() {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
            sigaddset(&set, signal);
        }
        ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
        return set;
    }

  private:
    static net::Fd make() {
        const sigset_t set = block();
        return net::Fd{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
    }
    void on_events(std::uint32_t /*events*/) override {
        signalfd_siginfo info{};
        while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
            on_signal_(static_cast<int>(info.ssi_signo));
        }
    }

    net::Loop& loop_;
    std::function<void(int)> on_signal_;
    net::Fd fd_;
};

}  // namespace gw::control
