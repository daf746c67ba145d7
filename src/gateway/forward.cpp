#include "gateway/forward.hpp"

#include "gateway/forwarded_head.hpp"
#include "gateway/held_body.hpp"
#include "gateway/relay.hpp"
#include "gateway/shard.hpp"
#include "gateway/signing.hpp"
#include "http/h1_client.hpp"

namespace gw::gateway {
namespace {

observe::UpstreamError label_of(const Error& error) {
    switch (error.code) {
        case Errc::refused:
            return observe::UpstreamError::connect_refused;
        case Errc::timeout:
            return observe::UpstreamError::timeout;
        case Errc::connect_timeout:
            return observe::UpstreamError::connect_timeout;
        case Errc::reset:
        case Errc::closed:
            return observe::UpstreamError::reset;
        case Errc::malformed:
        case Errc::too_large:
            return observe::UpstreamError::malformed;
        case Errc::unreachable:
            return observe::UpstreamError::unreachable;
        case Errc::exhausted:
            return observe::UpstreamError::exhausted;
        default:
            return observe::UpstreamError::other;
    }
}

// Cancels the service's side when the client is gone. A client that only ended its sending may
// still read, but most that do have closed: it gets a moment.
class ClientWatch final : public net::Stream::Watcher {
  public:
    explicit ClientWatch(Exchange& x) : x_(x) { x_.stream.watch_peer(this); }
    ClientWatch(const ClientWatch&) = delete;
    ClientWatch& operator=(const ClientWatch&) = delete;
    ~ClientWatch() { x_.stream.watch_peer(nullptr); }

    void on(http::ClientStream* service) {
        service_ = service;
        if (x_.client_gone && service_ != nullptr) {
            service_->cancel();
        }
    }
    // Where an attempt to connect stands while it lasts.
    [[nodiscard]] net::Connector*& connecting() { return connecting_; }
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
        if (service_ != nullptr) {
            service_->cancel();
        }
        if (connecting_ != nullptr) {
            connecting_->cancel();
        }
    }

    Exchange& x_;
    http::ClientStream* service_ = nullptr;
    net::Connector* connecting_ = nullptr;
    Grace grace_{*this};
};

// Waits before a service that has failed is asked again; longer each time, and never all together.
net::Task<void> back_off(Exchange& x, std::uint32_t attempt) {
    constexpr std::uint64_t kFirstMs = 10;
    constexpr std::uint64_t kMostMs = 200;
    const std::uint64_t most = std::min(kMostMs, kFirstMs << std::min(attempt, 8U));
    net::Loop& loop = x.shard.loop();
    net::Pause pause(loop);
    co_await pause.until(std::min(
        x.deadline, loop.now() + Millis(static_cast<std::int64_t>(x.shard.random().below(most)))));
}

// A new connection to the service: to `endpoint`, or to others if that fails.
net::Task<Result<upstream::Lease>> open(Exchange& x, ClientWatch& watch,
                                        upstream::Endpoint* endpoint) {
    Error last{Errc::unreachable, Fault::upstream, Retry::never,
               "no address of the service is known"};
    for (std::uint32_t attempt = 0;
         endpoint != nullptr && attempt <= x.service->options().retries_max; ++attempt) {
        Result<upstream::Lease> opened = co_await endpoint->open(x.deadline, watch.connecting());
        if (opened) {
            co_return opened;
        }
        if (opened.error().fault == Fault::upstream && opened.error().code != Errc::cancelled) {
            endpoint->health().failed(x.shard.loop().now());
        }
        if (opened.error().retry != Retry::yes || x.client_gone ||
            x.shard.loop().now() >= x.deadline) {
            co_return opened;
        }
        last = opened.error();
        upstream::Endpoint* const other = x.service->pick(endpoint);
        if (other == endpoint && !x.service->retries().take(x.shard.loop().now())) {
            break;
        }
        endpoint = other;
        x.generation.service_series[x.route->service_index]->failed(label_of(last));
    }
    co_return std::unexpected(last);
}

bool is_the_services(const Error& error) {
    return error.fault == Fault::upstream && error.code != Errc::cancelled;
}

// May be sent twice and is the same as once (RFC 9110, 9.2.2), by its method or because the client
// gave it a key.
bool is_repeatable(const http::RequestHead& head) {
    return http::idempotent(head.method) || head.headers.has(http::Known::idempotency_key);
}

std::unexpected<Error> refused_by_breaker(Exchange& x, const upstream::BreakerCall& call) {
    x.retry_after_s = std::max<std::int64_t>(
        1, std::chrono::ceil<std::chrono::seconds>(call.retry_after()).count());
    return fail(Errc::circuit_open, Fault::upstream, "the circuit breaker is open");
}

}  // namespace

net::Task<Result<void>> forward(Exchange& x) {
    const http::RequestHead& head = x.head();
    x.service = x.generation.services[x.route->service_index];
    upstream::Breaker& breaker = *x.generation.breakers[x.route->service_index];
    observe::UpstreamSeries& series = *x.generation.service_series[x.route->service_index];
    if (x.shard.draining()) {
        x.stream.close_after();
    }
    ClientWatch watch(x);
    if (x.generation.signer != nullptr && head.framing != http::Framing::none) {
        if (const Result<void> hashed = co_await hash_body(x); !hashed) {
            co_return hashed;
        }
        // As where bodies are passed on: the time for the answer runs from their last byte.
        x.deadline = std::max(x.deadline, x.shard.loop().now() + x.route->timeout);
    }
    if (!build_request_head(x, head.framing, head.content_length)) {
        co_return fail(Errc::head_too_large, Fault::client, "too many header fields to forward");
    }
    const http::BodyPart first = first_part(x);
    const http::H1ServerLimits& limits = x.generation.site->limits;
    upstream::Endpoint* tried = nullptr;
    for (std::uint32_t attempt = 0;; ++attempt) {
        upstream::BreakerCall call(breaker, x.shard.loop().now());
        if (!call.admitted()) {
            co_return refused_by_breaker(x, call);
        }
        upstream::Endpoint* const endpoint = x.service->pick(tried);
        if (endpoint != nullptr && !x.upstream_began) {
            x.upstream_began = x.shard.loop().now();
            x.service->retries().sent();
        }
        // A second attempt is never made on a connection that may be as stale as the first.
        std::optional<upstream::Lease> idle = endpoint != nullptr && attempt == 0
                                                  ? endpoint->reuse(!http::idempotent(head.method))
                                                  : std::nullopt;
        Result<upstream::Lease> leased =
            idle ? Result<upstream::Lease>{std::move(*idle)} : co_await open(x, watch, endpoint);
        if (!leased) {
            if (leased.error().code != Errc::cancelled) {
                series.failed(label_of(leased.error()));
            }
            // Without an address nothing was asked: it is found as soon as there is one.
            if (endpoint != nullptr && is_the_services(leased.error())) {
                call.tell(upstream::Breaker::Result::failure, x.shard.loop().now());
            }
            co_return std::unexpected(leased.error());
        }
        upstream::Endpoint& asked = leased->endpoint();
        http::H1Client service(leased->stream(), x.shard.h1(), limits.message, limits.pace,
                               leased->reused());
        watch.on(&service);
        Relay relay(x, service, first, call);
        const Result<void> done = co_await relay.run();
        watch.on(nullptr);
        const bool stale = leased->reused();
        if (service.reusable()) {
            leased->give_back(service.keep_alive());
        }
        if (done) {
            asked.health().succeeded();
            co_return done;
        }
        // Sent again only if the service can have read nothing of it, or if twice is the same as
        // once.
        const Retry retry = done.error().retry;
        const bool harmless =
            retry == Retry::yes || (retry == Retry::if_reused && is_repeatable(head));
        // A connection that was closed as the request left says nothing of the service.
        const bool was_stale = stale && harmless;
        if (is_the_services(done.error())) {
            series.failed(label_of(done.error()));
            if (!was_stale) {
                asked.health().failed(x.shard.loop().now());
                call.tell(upstream::Breaker::Result::failure, x.shard.loop().now());
            }
        }
        const bool again = harmless && !relay.body_read() && !x.stream.responded() &&
                           !x.client_gone && attempt < x.service->options().retries_max &&
                           x.shard.loop().now() < x.deadline &&
                           (was_stale || x.service->retries().take(x.shard.loop().now()));
        if (!again) {
            co_return done;
        }
        series.retried();
        if (was_stale) {
            series.retried_stale();
        } else {
            co_await back_off(x, attempt);
        }
        tried = &asked;
    }
}

}  // namespace gw::gateway
