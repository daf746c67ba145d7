// Hands listening sockets from a running gateway to the one that takes its place, so that no
// connection is lost in between: a socket that both hold keeps its queue when the old one closes
// its copy.
//
// The running process waits on a socket in the abstract namespace, named after its user and port;
// the new one asks there before it binds. Only the same user is answered, and believed. Where the
// new one ends before the running one has been told to, that one offers its sockets again. Control
// thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/loop.hpp"

namespace gw::net {

struct NamedSocket {
    std::string name;  // "public", "admin"
    Fd socket;
};

// Asks a running gateway for its listening sockets. Empty: there is none. Blocks while that one
// brings its state to the disk, for at most five seconds; while starting.
std::vector<NamedSocket> take_over(std::uint16_t port);

class Handover final : Pollable {
  public:
    struct Offer {
        std::string name;
        int fd;  // stays the caller's, open as long as this lives
    };
    struct Listener {
        // The sockets are about to be handed on.
        std::function<void()> about_to;
        // They have been.
        std::function<void(int pid)> done;
        // Behind about_to, or done: the process that asked for them is gone, and nobody else has
        // them. They are offered again.
        std::function<void(int pid)> back;
    };
    Handover(Loop& loop, std::uint16_t port, std::vector<Offer> offers, Listener listener);
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;
    ~Handover();

    // Hands on nothing any more, and tells of nothing.
    void close();

  private:
    void open();
    void on_events(std::uint32_t events) override;
    void watch_successor(Fd process, int pid);
    void successor_ended();
    void forget_successor();
    struct Successor final : Pollable {
        explicit Successor(Handover& owner) : handover(owner) {}
        void on_events(std::uint32_t /*events*/) override { handover.successor_ended(); }
        Handover& handover;
        Fd process;
        int pid = 0;
    };
    struct RetryTimer : Timer {
        explicit RetryTimer(Handover& owner)
            : Timer([](Timer& t) { static_cast<RetryTimer&>(t).handover.open(); }),
              handover(owner) {}
        Handover& handover;
    };

    Loop& loop_;
    std::uint16_t port_;
    std::vector<Offer> offers_;
    const Listener listener_;
    Fd socket_;
    Successor successor_{*this};
    std::optional<int> ended_;  // a successor, before the name is ours again
    RetryTimer retry_{*this};
};

}  // namespace gw::net
