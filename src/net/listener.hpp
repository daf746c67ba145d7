// Listening sockets. Each worker has its own on the same port (SO_REUSEPORT), so the kernel spreads
// connections and no worker waits for another.
//
// A process that is out of descriptors, or holds as many connections as it may, stops accepting for
// a moment instead of failing: what waits in the kernel's queue is served when there is room. One
// loop's thread.
#pragma once

#include <atomic>

#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace gw::net {

// How many connections the process may hold, over all its workers. Shared; any thread.
class ConnectionBudget {
  public:
    explicit ConnectionBudget(std::size_t most) : most_(most) {}
    [[nodiscard]] bool enter() {
        if (live_.fetch_add(1, std::memory_order_relaxed) < most_) {
            return true;
        }
        leave();
        return false;
    }
    void leave() { live_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] std::size_t live() const { return live_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t most() const { return most_; }

  private:
    const std::size_t most_;
    std::atomic<std::size_t> live_{0};
};

// Binds and listens. Any number of sockets may listen on one address. Called while starting.
Result<Fd> listen_on(const Address& address);
// The same for a port that is ours alone: fails where anybody else listens on it.
Result<Fd> listen_alone(const Address& address);

class Acceptor {
  public:
    // A new connection, already counted in the budget; whoever ends it calls budget.leave().
    virtual void accepted(Fd connection, const Address& peer) = 0;
    // Somebody is waiting, and the budget is used up; again with each further look.
    virtual void out_of_budget() {}

  protected:
    ~Acceptor() = default;
};

class Listener final : Pollable {
  public:
    Listener(Loop& loop, Fd socket, ConnectionBudget& budget, Acceptor& acceptor);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    // Takes what waits in the queue, so that closing loses no connection that the kernel has
    // accepted.
    void take_all();
    // The socket, to be listened on another time: until then connections wait in its queue. Nothing
    // comes of this listener any more.
    Fd take_socket();

  private:
    static constexpr int kAcceptsPerTurn = 64;
    static constexpr Millis kPause{50};

    void on_events(std::uint32_t events) override;
    bool accept_one();  // false: nothing more for now
    void pause();
    void resume();
    struct PauseTimer : Timer {
        explicit PauseTimer(Listener& owner)
            : Timer([](Timer& t) { static_cast<PauseTimer&>(t).listener.resume(); }),
              listener(owner) {}
        Listener& listener;
    };

    Loop& loop_;
    Fd socket_;
    ConnectionBudget& budget_;
    Acceptor& acceptor_;
    PauseTimer pause_timer_{*this};
};

}  // namespace gw::net
