// Keeps the keys of session tickets: replaces them in time, and shares them with other gateways
// through the store where the operator has given a secret to seal them with. Without one, every
// process has its own. Requests and handshakes never wait for any of it. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/loop.hpp"
#include "net/scope.hpp"
#include "net/tls_tickets.hpp"
#include "observe/log.hpp"
#include "state/store.hpp"

namespace gw::control {

class TicketKeeper {
  public:
    using Publish = std::function<void(std::shared_ptr<const net::TicketKeys>)>;

    // publish: called with all keys that are good, whenever they change.
    TicketKeeper(net::Loop& loop, observe::Log& log, Publish publish)
        : loop_(loop), log_(log), publish_(std::move(publish)) {}
    TicketKeeper(const TicketKeeper&) = delete;
    TicketKeeper& operator=(const TicketKeeper&) = delete;

    // Keys that were in use stay good. secret: empty: nothing is shared.
    void configure(Millis rotation, const std::string& secret);
    // The first keys are published at once.
    void start(state::Store& store);
    // The store answers again, or no longer.
    void store_changed() { look_again(); }
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    // A store that has lost them is given them again within this time.
    static constexpr Millis kLookAgain{60'000};

    void look_again() {
        news_ = true;  // it may be at work just now
        pause_.wake();
    }
    net::Task<void> keep();
    // Tells the store of our key for a period, or learns what the others use.
    net::Task<void> share(WallTime begin);
    void take(WallTime begin, const std::string& text);
    void tell();

    net::Loop& loop_;
    observe::Log& log_;
    Publish publish_;
    net::TicketRing ring_{Millis{0}};
    std::string secret_;
    std::optional<net::TicketSealer> sealer_;
    state::Store* store_ = nullptr;
    bool shared_ = false;   // was told
    bool foreign_ = false;  // the same
    bool news_ = false;
    bool stopping_ = false;
    net::Pause pause_{loop_};
    net::Scope scope_;
};

}  // namespace gw::control
