#include "gateway/trace_notes.hpp"

#include "gateway/attempt_error.hpp"
#include "gateway/shard.hpp"
#include "gateway/stages.hpp"
#include "identity/identity.hpp"
#include "observe/masked_target.hpp"

namespace gw::gateway {
namespace {

using Part = observe::TraceRecord::Part;

std::string text_of(const net::Address& address) {
    const std::string ip = address.ip.to_string();
    return (ip.contains(':') ? "[" + ip + "]" : ip) + ":" + std::to_string(address.port);
}

std::uint32_t tries(const observe::TraceRecord& trace) {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        trace.parts, [](const Part& part) { return part.kind == Part::Kind::attempt; }));
}

// Of a request that nobody chose, and that failed: what is known of it at its end.
std::unique_ptr<observe::TraceRecord> trace_of_failure(Exchange& x, Instant now) {
    auto trace = std::make_unique<observe::TraceRecord>();
    if (x.upstream_began) {
        Part part{
            .kind = Part::Kind::attempt, .name = x.service->name(), .began = *x.upstream_began};
        x.shard.random().hex(part.id.data(), part.id.size() / 2);
        part.ended = x.upstream_ended != Instant{} ? x.upstream_ended : now;
        part.status = x.upstream_ended != Instant{} ? x.outcome.status : 0;
        trace->parts.push_back(std::move(part));
    }
    return trace;
}

}  // namespace

void note_wait(Exchange& x, std::string_view stage, Instant began) {
    if (x.traced == nullptr) {
        return;
    }
    Part part{.kind = Part::Kind::stage, .name = std::string(stage), .began = began};
    part.ended = x.shard.loop().now();
    x.shard.random().hex(part.id.data(), part.id.size() / 2);
    x.traced->parts.push_back(std::move(part));
}

void note_try(Exchange& x) {
    if (x.traced == nullptr) {
        return;
    }
    Part part{.kind = Part::Kind::attempt,
              .name = x.service->name(),
              .began = x.shard.loop().now(),
              .again = tries(*x.traced)};
    x.shard.random().hex(part.id.data(), part.id.size() / 2);
    if (x.forwarded_span != nullptr) {
        std::ranges::copy(part.id, x.forwarded_span);
    }
    x.traced->parts.push_back(std::move(part));
}

void note_tried(Exchange& x, const net::Address* endpoint, const Result<void>& done) {
    if (x.traced == nullptr) {
        return;
    }
    Part& part = x.traced->parts.back();
    part.ended = x.shard.loop().now();
    if (endpoint != nullptr) {
        part.endpoint = text_of(*endpoint);
    }
    if (done) {
        part.status = x.outcome.status;
    } else if (done.error().code != Errc::cancelled) {
        part.error = observe::kUpstreamErrors[static_cast<std::size_t>(error_label(done.error()))];
    }
}

void send_trace(Exchange& x, const Outcome& outcome, Instant now) {
    constexpr int kFailed = 500;
    // Probes are nobody's request, and one that hears that we are not ready has not failed.
    const bool chosen = x.traced != nullptr || outcome.status >= kFailed;
    if (!chosen || !x.generation.site->traced || outcome.decided_by == stages::health.name) {
        return;
    }
    std::unique_ptr<observe::TraceRecord> trace =
        x.traced != nullptr ? std::move(x.traced) : trace_of_failure(x, now);
    for (Part& part : trace->parts) {
        part.ended = part.ended != Instant{} ? part.ended : now;
    }
    trace->trace = x.trace;
    if (x.parent_span[0] != '\0') {
        trace->parent = x.parent_span;
    }
    trace->began = x.stream.began();
    trace->ended = now;
    trace->ended_at = x.shard.loop().clock().wall;
    trace->method = http::method_name(x.head().method);
    trace->path = observe::masked_path(x.head().path);
    trace->route = x.route != nullptr ? std::string_view{x.route->path} : observe::kNoRoute;
    trace->client = x.client_text;
    if (x.identity) {
        trace->user = x.identity->subject;
        trace->tenant = x.identity->tenant;
    }
    trace->request_id = x.request_id;
    trace->outcome = outcome.decided_by;
    trace->detail = outcome.why;
    trace->protocol = http::protocol_version(x.stream.protocol());
    trace->secure = x.stream.secure();
    trace->status = outcome.status;
    x.shard.keep_trace(std::move(trace));
}

}  // namespace gw::gateway
