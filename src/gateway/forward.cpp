#include "gateway/forward.hpp"

#include "gateway/attempt_error.hpp"
#include "gateway/balance_key.hpp"
#include "gateway/client_watch.hpp"
#include "gateway/forward_h2.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/hedge.hpp"
#include "gateway/held_body.hpp"
#include "gateway/relay.hpp"
#include "gateway/shard.hpp"
#include "gateway/signing.hpp"
#include "gateway/trace_notes.hpp"
#include "gateway/turn.hpp"
#include "http/h1_client.hpp"

namespace gw::gateway {

net::Task<Result<upstream::Lease>> open(Exchange& x, ClientWatch& watch,
                                        upstream::Endpoint* endpoint, std::uint64_t key,
                                        Resend& resend) {
    while (endpoint != nullptr) {
        Result<upstream::Lease> opened = co_await endpoint->open(x.deadline, watch.connecting());
        if (opened) {
            co_return opened;
        }
        endpoint = next_place(x, *endpoint, opened.error(), key, resend);
        if (endpoint == nullptr) {
            co_return opened;
        }
    }
    co_return fail(Errc::unreachable, Fault::upstream, "no address of the service is known");
}

upstream::Endpoint* next_place(Exchange& x, upstream::Endpoint& failed, const Error& error,
                               std::uint64_t key, Resend& resend) {
    if (is_the_services(error)) {
        x.service->failed(failed);
    }
    upstream::Endpoint* const other = x.service->pick(&failed, key);
    if (other == nullptr || !resend.at_once(error, other != &failed)) {
        return nullptr;
    }
    observe::UpstreamSeries& series = *x.generation.service_series[x.service_index];
    series.failed(error_label(error));
    series.retried();
    return other;
}

void tell_unconnected(Exchange& x, upstream::BreakerCall& call, const Error& error) {
    if (error.code != Errc::cancelled) {
        x.generation.service_series[x.service_index]->failed(error_label(error));
    }
    if (is_the_services(error)) {
        call.tell(upstream::Breaker::Result::failure, x.shard.loop().now());
    }
}

std::unexpected<Error> refused_by_breaker(Exchange& x, const upstream::BreakerCall& call) {
    x.retry_after_s = std::max<std::int64_t>(
        1, std::chrono::ceil<std::chrono::seconds>(call.retry_after()).count());
    return fail(Errc::circuit_open, Fault::upstream, "the circuit breaker is open");
}

namespace {

bool timed_out(const Result<void>& done) {
    return !done && done.error().code == Errc::timeout && done.error().fault == Fault::upstream;
}

}  // namespace

net::Task<Result<void>> forward(Exchange& x) {
    const http::RequestHead& head = x.head();
    x.service = x.generation.services[x.service_index];
    if (x.service->options().protocol == upstream::ServiceProtocol::h2) [[unlikely]] {
        co_return co_await forward_over_h2(x);
    }
    upstream::Breaker& breaker = *x.generation.breakers[x.service_index];
    observe::UpstreamSeries& series = *x.generation.service_series[x.service_index];
    if (x.shard.draining()) {
        x.stream.close_after();
    }
    ClientWatch watch(x);
    if (x.generation.signer != nullptr && head.framing != http::Framing::none) {
        if (const Result<void> hashed = co_await hash_body(x); !hashed) {
            co_return hashed;
        }
    }
    // Over HTTP/2 the end of a body without a byte may still be to come, or something worse.
    if (head.framing == http::Framing::length && head.content_length == 0 && !hold_what_is_here(x))
        [[unlikely]] {
        if (const Result<void> ended = co_await hold_body(x, 0); !ended) {
            co_return ended;
        }
    }
    Turn turn(x, watch);
    if (!turn.enter()) {
        if (const Result<void> mine = co_await turn.wait(); !mine) {
            co_return mine;
        }
    }
    if (!build_request_head(x, head.framing, head.content_length)) {
        co_return fail(Errc::head_too_large, Fault::client, "too many header fields to forward");
    }
    const http::BodyPart first = first_part(x);
    const http::H1ServerLimits& limits = x.generation.site->limits;
    const std::uint64_t key =
        x.service->by_key() ? balance_key(x, x.service->options().balance.key) : 0;
    Resend resend(x);
    upstream::Endpoint* tried = nullptr;  // compared only: it may be gone
    std::optional<Error> before;          // why the attempt before this one failed
    for (std::uint32_t attempt = 0;; ++attempt) {
        if (const Result<void> wanted = watch.still_there(); !wanted) {
            co_return wanted;
        }
        if (before && !breaker.would_admit(x.shard.loop().now())) {
            // The service was asked and has failed: it is no reject.
            co_return std::unexpected(*before);
        }
        upstream::BreakerCall call(breaker, x.shard.loop().now());
        if (!call.admitted()) {
            co_return refused_by_breaker(x, call);
        }
        upstream::Endpoint* const endpoint = x.service->pick(tried, key);
        note_try(x);
        begin_attempt(x);
        if (endpoint != nullptr && !x.upstream_began) {
            x.upstream_began = x.shard.loop().now();
            x.service->retries().sent();
        }
        // With a body, two would have to read it; and a head that announces one never goes alone.
        if (x.route->hedge_after > Millis::zero() && attempt == 0 && endpoint != nullptr &&
            head.framing == http::Framing::none && is_read(head.method)) {
            Hedge hedge(x, watch, call, key);
            const Result<void> done = co_await hedge.run(*endpoint, resend);
            learn_from_attempt(x, timed_out(done), hedge.passed_over_status());
            note_tried(x, nullptr, done);
            if (done ||
                !(hedge.passed_over() || resend.after(done.error(), hedge.reused(), true))) {
                co_return done;
            }
            series.retried();
            co_await resend.pause(watch);
            tried = endpoint;
            before = hedge.passed_over() ? std::nullopt : std::optional(done.error());
            continue;
        }
        // A second attempt is never made on a connection that may be as stale as the first.
        std::optional<upstream::Lease> idle = endpoint != nullptr && attempt == 0
                                                  ? endpoint->reuse(!http::idempotent(head.method))
                                                  : std::nullopt;
        Result<upstream::Lease> leased = idle ? Result<upstream::Lease>{std::move(*idle)}
                                              : co_await open(x, watch, endpoint, key, resend);
        if (!leased) {
            note_tried(x, nullptr, std::unexpected(leased.error()));
            if (endpoint != nullptr) {
                tell_unconnected(x, call, leased.error());
            } else {
                // Nothing was asked: an address is found as soon as there is one.
                series.failed(error_label(leased.error()));
            }
            co_return std::unexpected(leased.error());
        }
        if (attempt > 0) {
            renew_signature(x);
        }
        upstream::Endpoint& asked = leased->endpoint();
        http::H1Client service(leased->stream(), x.shard.h1(), limits.message, limits.pace);
        watch.on(&service);
        Relay relay(x, service, first, call, resend);
        const Result<void> done = co_await relay.run();
        watch.on(nullptr);
        const bool reused = leased->reused();
        if (service.reusable()) {
            leased->give_back(service.keep_alive());
        }
        learn_from_attempt(x, timed_out(done), relay.passed_over_status());
        note_tried(x, &asked.address(), done);
        if (done) {
            if (x.outcome.status < 500) {
                x.service->succeeded(asked);
            } else {
                x.service->failed(asked);
            }
            co_return done;
        }
        const bool stale = resend.was_stale(done.error(), reused);
        if (is_the_services(done.error())) {
            series.failed(error_label(done.error()));
            if (!stale) {
                call.tell(upstream::Breaker::Result::failure, x.shard.loop().now());
            }
        }
        if (relay.passed_over() || (is_the_services(done.error()) && !stale)) {
            x.service->failed(asked);
        }
        if (!relay.passed_over() && !resend.after(done.error(), reused, !relay.body_read())) {
            co_return done;
        }
        series.retried();
        if (stale) {
            series.retried_stale();
        } else {
            co_await resend.pause(watch);
        }
        tried = &asked;
        before = relay.passed_over() ? std::nullopt : std::optional(done.error());
    }
}

}  // namespace gw::gateway
