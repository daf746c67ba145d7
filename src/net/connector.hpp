// Makes a TCP connection without blocking: co_await connect(loop, address, deadline), or a
// Connector with a name, which somebody else may cancel.
#pragma once

#include <coroutine>
#include <optional>

#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace gw::net {

// An attempt to connect, for whoever has to end it.
class Attempt {
  public:
    // What waits ends with Errc::cancelled, resumed from the loop.
    virtual void cancel() = 0;

  protected:
    ~Attempt() = default;
};

// A connection to `address`, made before `deadline`.
class Connector final : Pollable, public Attempt {
  public:
    Connector(Loop& loop, const Address& address, Instant deadline);
    ~Connector();
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> handle);
    Result<Fd> await_resume();
    void cancel() override;

  private:
    void on_events(std::uint32_t events) override;
    void finish(int error);
    void forget();
    struct ConnectTimer : Timer {
        explicit ConnectTimer(Connector& owner) : Timer(&fired), connector(owner) {}
        static void fired(Timer& timer);
        Connector& connector;
    };
    Loop& loop_;
    Address address_;
    Instant deadline_;
    Fd fd_;
    bool watched_ = false;
    std::optional<Error> error_;
    std::coroutine_handle<> waiter_;
    ConnectTimer timer_{*this};
};

inline Connector connect(Loop& loop, const Address& address, Instant deadline) {
    return {loop, address, deadline};
}

}  // namespace gw::net
