// Cancels the service's side when the client is gone. A client that only ended its sending may
// still read, but most that do have closed: it gets a moment.
#pragma once

#include "gateway/shard.hpp"
#include "net/connector.hpp"

namespace gw::gateway {

class ClientWatch final : public net::Stream::Watcher {
  public:
    explicit ClientWatch(Exchange& x) : x_(x) {
        x_.stream.watch_peer(this);
        x_.watch = this;
    }
    ClientWatch(const ClientWatch&) = delete;
    ClientWatch& operator=(const ClientWatch&) = delete;
    ~ClientWatch() {
        x_.stream.watch_peer(nullptr);
        x_.watch = nullptr;
    }

    void on(http::ClientStream* service) {
        service_ = service;
        if (x_.client_gone && service_ != nullptr) {
            service_->cancel();
        }
    }
    // Where an attempt to connect stands while it lasts.
    [[nodiscard]] net::Attempt*& connecting() { return connecting_; }

    // Who left before this watch, or while nothing of it waited, is not told of again: to be asked
    // before the service is. The end of the process is no time to ask it either.
    [[nodiscard]] Result<void> still_there() const {
        return x_.client_gone      ? fail(Errc::cancelled, Fault::client, "the client is gone")
               : x_.shard.ending() ? fail(Errc::cancelled, Fault::self, kProcessEnds)
                                   : Result<void>{};
    }
    // What waits for the service ends now, and the client, who is still there, is answered.
    void give_service_up() {
        if (waiting_ != nullptr) {
            waiting_->give_up();
        }
        cancel_service();
    }

    // What else ends with the client.
    class Waiting {
      public:
        virtual void give_up() = 0;

      protected:
        ~Waiting() = default;
    };
    void also(Waiting* waiting) { waiting_ = waiting; }

    void peer_left(bool half) override {
        if (half) {
            if (!grace_.armed()) {
                net::Loop& loop = x_.shard.loop();
                loop.timers().arm(grace_, loop.now() + kHalfCloseGrace);
            }
        } else {
            give_up();
        }
    }

  private:
    static constexpr Millis kHalfCloseGrace{1'000};
    struct Grace : net::Timer {
        explicit Grace(ClientWatch& owner)
            : Timer([](Timer& t) { static_cast<Grace&>(t).watch.give_up(); }), watch(owner) {}
        ClientWatch& watch;
    };
    void give_up() {
        x_.client_gone = true;
        if (waiting_ != nullptr) {
            waiting_->give_up();
        }
        if (x_.idempotency && x_.idempotency->outlives_client() && x_.cut_why == nullptr) {
            return;  // what was begun is ended: it will be asked for again
        }
        cancel_service();
    }
    void cancel_service() {
        if (service_ != nullptr) {
            service_->cancel();
        }
        if (connecting_ != nullptr) {
            connecting_->cancel();
        }
    }

    Exchange& x_;
    http::ClientStream* service_ = nullptr;
    net::Attempt* connecting_ = nullptr;
    Waiting* waiting_ = nullptr;
    Grace grace_{*this};
};

// A wait that ends early with the client, for as long as this lives.
class ClientPause final : public net::Pause, ClientWatch::Waiting {
  public:
    ClientPause(net::Loop& loop, ClientWatch& watch) : Pause(loop), watch_(watch) {
        watch_.also(this);
    }
    ClientPause(const ClientPause&) = delete;
    ClientPause& operator=(const ClientPause&) = delete;
    ~ClientPause() { watch_.also(nullptr); }

  private:
    void give_up() override { wake(); }

    ClientWatch& watch_;
};

}  // namespace gw::gateway
