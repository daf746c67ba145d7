#include "gateway/forward_h2.hpp"

#include <algorithm>

#include "gateway/attempt_error.hpp"
#include "gateway/balance_key.hpp"
#include "gateway/forward.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/grpc.hpp"
#include "gateway/held_body.hpp"
#include "gateway/relay.hpp"
#include "gateway/signing.hpp"
#include "gateway/trace_notes.hpp"
#include "gateway/turn.hpp"

namespace gw::gateway {
namespace {

// A call of gRPC says itself how long it may take, its messages included.
Instant latest_answer(const Exchange& x) {
    Instant latest = kNever;
    if (!asks_grpc(x)) {
        return latest;
    }
    for (const http::Field& field : x.head().headers) {
        if (equal_ignore_case(field.name, "grpc-timeout")) {
            if (const auto timeout = grpc_timeout(field.value)) {
                latest = std::min(latest, x.stream.began() + *timeout);
            }
        }
    }
    return latest;
}

// What signs the body. Messages of gRPC may wait for answers to those before: held until their end
// is there they would never end, and whether they do is not to be seen from the call.
net::Task<Result<void>> prepare_signature(Exchange& x) {
    if (x.generation.signer == nullptr || x.head().framing == http::Framing::none) {
        co_return Result<void>{};
    }
    if (asks_grpc(x) && x.head().framing != http::Framing::length) {
        x.body_hash = security::kUnsignedBody;
        co_return Result<void>{};
    }
    co_return co_await hash_body(x);
}

struct Attempt {
    Result<void> done;
    upstream::Endpoint* place = nullptr;  // that was asked; null: no connection was made
    bool reused = false;
    bool passed_over = false;
    int passed_over_status = 0;
    bool body_read = false;
};

net::Task<Attempt> attempt_at(Exchange& x, ClientWatch& watch, upstream::Endpoint* endpoint,
                              std::uint64_t key, http::BodyPart first, upstream::BreakerCall& call,
                              Resend& resend, Instant latest) {
    const http::H1ServerLimits& limits = x.generation.site->limits;
    Result<upstream::SharedLease> lease =
        co_await endpoint->share(x.shard.h1(), limits.pace, x.deadline, watch.connecting());
    while (!lease) {
        endpoint = x.shard.loop().now() < latest
                       ? next_place(x, *endpoint, lease.error(), key, resend)
                       : nullptr;
        if (endpoint == nullptr) {
            co_return Attempt{.done = std::unexpected(lease.error())};
        }
        lease = co_await endpoint->share(x.shard.h1(), limits.pace, x.deadline, watch.connecting());
    }
    const bool reused = lease->connection().reused();
    http::H2ClientStream service(lease->connection(), limits.message, limits.pace);
    watch.on(&service);
    Relay relay(x, service, first, call, resend, nullptr, latest);
    const Result<void> done = co_await relay.run();
    watch.on(nullptr);
    co_return Attempt{.done = done,
                      .place = endpoint,
                      .reused = reused,
                      .passed_over = relay.passed_over(),
                      .passed_over_status = relay.passed_over_status(),
                      .body_read = relay.body_read()};
}

}  // namespace

net::Task<Result<void>> forward_over_h2(Exchange& x) {
    const http::RequestHead& head = x.head();
    observe::UpstreamSeries& series = *x.generation.service_series[x.service_index];
    if (x.shard.draining()) {
        x.stream.close_after();
    }
    ClientWatch watch(x);
    if (const Result<void> prepared = co_await prepare_signature(x); !prepared) {
        co_return prepared;
    }
    const Instant latest = latest_answer(x);
    const bool hurried = latest < x.deadline;
    x.deadline = std::min(x.deadline, latest);
    if (latest <= x.shard.loop().now()) {
        co_return fail(Errc::timeout, Fault::upstream,
                       "the client's own time (grpc-timeout) is over");
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
    const std::uint64_t key =
        x.service->by_key() ? balance_key(x, x.service->options().balance.key) : 0;
    Resend resend(x);
    upstream::Breaker& breaker = *x.generation.breakers[x.service_index];
    upstream::Endpoint* tried = nullptr;  // compared only: it may be gone
    std::optional<Error> before;          // why the attempt before this one failed
    while (true) {
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
        if (endpoint == nullptr) {
            co_return fail(Errc::unreachable, Fault::upstream,
                           "no address of the service is known");
        }
        if (!x.upstream_began) {
            x.upstream_began = x.shard.loop().now();
            x.service->retries().sent();
        }
        note_try(x);
        begin_attempt(x);
        if (tried != nullptr) {
            renew_signature(x);
        }
        const Attempt made =
            co_await attempt_at(x, watch, endpoint, key, first, call, resend, latest);
        note_tried(x, made.place != nullptr ? &made.place->address() : nullptr, made.done);
        if (hurried && !made.done && x.shard.loop().now() >= latest) {
            // Less time than the route gives says nothing of the service, however it ended.
            co_return made.done;
        }
        if (made.place == nullptr) {
            tell_unconnected(x, call, made.done.error());
            co_return made.done;
        }
        learn_from_attempt(x,
                           !made.done && made.done.error().code == Errc::timeout &&
                               made.done.error().fault == Fault::upstream,
                           made.passed_over_status);
        if (made.done) {
            if (x.outcome.status < 500) {
                x.service->succeeded(*made.place);
            } else {
                x.service->failed(*made.place);
            }
            co_return made.done;
        }
        const Error& error = made.done.error();
        const bool stale = resend.was_stale(error, made.reused);
        if (is_the_services(error)) {
            series.failed(error_label(error));
            if (!stale) {
                call.tell(upstream::Breaker::Result::failure, x.shard.loop().now());
            }
        }
        if (made.passed_over || (is_the_services(error) && !stale)) {
            x.service->failed(*made.place);
        }
        if (!made.passed_over && !resend.after(error, made.reused, !made.body_read)) {
            co_return made.done;
        }
        series.retried();
        if (stale) {
            series.retried_stale();
        } else {
            co_await resend.pause(watch);
        }
        tried = made.place;
        before = made.passed_over ? std::nullopt : std::optional(error);
    }
}

}  // namespace gw::gateway
