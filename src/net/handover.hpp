// Hands listening sockets from a running gateway to the one that takes its place, so that no
// connection is lost in between: a socket that both hold keeps its queue when the old one closes
// its copy.
//
// The running process waits on a socket in the abstract namespace, named after its user and port;
// the new one asks there before it binds. Only the same user is answered, and believed. Control
// thread.
#pragma once

#include <functional>
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

// Asks a running gateway for its listening sockets. Empty: there is none. Blocks for at most a
// second; while starting.
std::vector<NamedSocket> take_over(std::uint16_t port);

class Handover final : Pollable {
  public:
    // sockets: descriptors that stay owned by the caller. about_to: called before they are handed
    // on; done: after it.
    struct Offer {
        std::string name;
        int fd;
    };
    Handover(Loop& loop, std::uint16_t port, std::vector<Offer> offers,
             std::function<void()> about_to, std::function<void(int pid)> done);
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;
    ~Handover();

    // Hands on nothing any more.
    void close();

  private:
    void open();
    void on_events(std::uint32_t events) override;
    struct RetryTimer : Timer {
        explicit RetryTimer(Handover& owner)
            : Timer([](Timer& t) { static_cast<RetryTimer&>(t).handover.open(); }),
              handover(owner) {}
        Handover& handover;
    };

    Loop& loop_;
    std::uint16_t port_;
    std::vector<Offer> offers_;
    std::function<void()> about_to_;
    std::function<void(int pid)> done_;
    Fd socket_;
    RetryTimer retry_{*this};
};

}  // namespace gw::net
