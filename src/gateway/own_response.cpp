#include "gateway/own_response.hpp"

#include <charconv>

#include "base/ensure.hpp"
#include "gateway/compression.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/grpc.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

// A list of our own fields is far from the limit.
void add(http::ResponseHead& head, std::string_view name, std::string_view value) {
    ensure(head.headers.add(name, value), "too many fields of our own");
}

std::string_view decimal(Arena& arena, std::int64_t number) {
    char* const at = arena.take(20);
    return {at, std::to_chars(at, at + 20, number).ptr};
}

net::Task<void> send(Exchange& x, OwnAnswer answer, std::int64_t retry_after_s) {
    http::ResponseHead& head = x.memory.response;
    head.headers.clear();
    head.status = answer.status;
    head.reason = http::reason_phrase(answer.status);
    head.framing = http::Framing::length;
    head.content_length = answer.body.size();
    if (!answer.content_type.empty()) {
        add(head, "Content-Type", answer.content_type);
    }
    if (!answer.cache_control.empty()) {
        add(head, "Cache-Control", answer.cache_control);
    }
    if (retry_after_s > 0) {
        add(head, "Retry-After", decimal(x.memory.arena, retry_after_s));
    }
    if (answer.status == 401) {
        // RFC 6750, 3: without an error where no token was shown.
        add(head, "WWW-Authenticate",
            x.head().headers.has(http::Known::authorization) ? R"(Bearer error="invalid_token")"
                                                             : "Bearer");
    }
    if (answer.status == 426) {
        // RFC 9110, 15.5.22 and RFC 6455, 4.2.2.
        add(head, "Upgrade", "websocket");
        add(head, "Sec-WebSocket-Version", "13");
    }
    if (!x.allow.empty()) {
        add(head, "Allow", x.allow);
    }
    if (!x.location.empty()) {
        add(head, "Location", x.location);
    }
    add_own_fields(x, head);
    x.outcome.status = answer.status;
    on_response(x);
    if (x.shard.draining()) {
        x.stream.close_after();
    }
    if (!co_await send_answer(x, answer.body, true, nullptr)) {
        x.client_gone = true;
    }
}

// A client of gRPC understands nothing but a status of its own, in the only head ("Trailers-Only").
net::Task<void> send_grpc_status(Exchange& x, RefusalKind kind, std::string_view detail) {
    http::ResponseHead& head = x.memory.response;
    head.headers.clear();
    head.status = 200;
    head.reason = http::reason_phrase(200);
    head.framing = http::Framing::length;
    head.content_length = 0;
    add(head, "Content-Type", "application/grpc");
    add(head, "grpc-status", decimal(x.memory.arena, grpc_status(kind.status)));
    add(head, "grpc-message", x.memory.arena.join(kind.code, ": ", detail));
    add_own_fields(x, head);
    x.outcome.status = kind.status;  // what is counted and logged
    on_response(x);
    if (!co_await x.stream.send(head, {}, true, nullptr)) {
        x.client_gone = true;
    }
}

net::Task<void> send_stored(Exchange& x) {
    if (x.shard.draining()) {
        x.stream.close_after();
    }
    if (!co_await send_answer(x, x.own.body, true, nullptr)) {
        x.client_gone = true;
    }
}

}  // namespace

net::Task<void> respond(Exchange& x, Verdict verdict) {
    if (verdict.kind() == Verdict::Kind::answer) {
        const bool replays = x.idempotency && x.idempotency->replays() != nullptr;
        if (!replays && (!x.cache || x.cache->serves() == nullptr)) {
            co_await send(x, x.own, 0);
            co_return;
        }
        verdict = replays ? prepare_replay(x) : prepare_stored(x);
        if (verdict.goes_on()) {
            co_await send_stored(x);
            co_return;
        }
    }
    const RefusalKind& kind = kind_of(verdict.code());
    x.outcome.why = verdict.detail();
    if (asks_grpc(x)) [[unlikely]] {
        co_await send_grpc_status(x, kind, verdict.detail());
        co_return;
    }
    x.memory.text.clear();
    write_problem(x.memory.text, {.code = verdict.code(),
                                  .detail = verdict.detail(),
                                  .instance = x.head().path,
                                  .correlation_id = x.correlation_id,
                                  .time = x.shard.loop().clock().wall});
    const OwnAnswer answer{
        .status = kind.status, .content_type = "application/problem+json", .body = x.memory.text};
    co_await send(x, answer, x.retry_after_s > 0 ? x.retry_after_s : kind.retry_after_s);
}

net::Task<void> respond_to(Exchange& x, Error error) {
    Code code{};
    // What was cancelled because the client left says nothing of why the request ended.
    const bool left = x.client_gone && error.code == Errc::cancelled;
    x.outcome.why = left ? "" : error.detail;
    if (x.stream.responded()) {
        x.outcome.decided_by = has_malformed_body(x)          ? "protocol"
                               : error.fault == Fault::client ? "client"
                                                              : "upstream cut short";
        x.stream.abort();
        co_return;
    }
    if (x.shard.ending() && !x.client_gone &&
        (error.code == Errc::cancelled || error.fault != Fault::client)) {
        x.outcome.decided_by = kEnding;
        co_await respond(x, refuse(Code::draining, "this gateway is about to stop"));
        x.outcome.why = kProcessEnds;
        co_return;
    }
    if (x.client_gone || !refusal_for(error, code)) {
        x.client_gone = true;
        x.stream.abort();
        co_return;
    }
    const bool of_the_body = error.fault == Fault::client && error.code != Errc::head_too_large;
    x.outcome.decided_by = has_malformed_body(x) ? "protocol"
                           : of_the_body         ? "request_body"
                           : x.broken_body       ? "overload"
                                                 : kForward;
    // The detail of a failure may name what is behind us; the client learns only its kind.
    co_await respond(x,
                     refuse(code, error.fault == Fault::client ? error.detail : kind_detail(code)));
    x.outcome.why = error.detail;
}

}  // namespace gw::gateway
