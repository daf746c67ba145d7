#include "gateway/finish.hpp"

#include "gateway/claimed_fields.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stages.hpp"
#include "gateway/trace_notes.hpp"
#include "identity/identity.hpp"
#include "net/tls_session.hpp"

namespace gw::gateway {
namespace {

// What nginx calls it too: the client went before there was a status to send. Never on the wire.
constexpr int kClientClosedRequest = 499;
constexpr std::uint32_t kMillion = 1'000'000;

// Only of requests that went well, and that no trace tells of, some may have no line.
bool has_line(const Exchange& x, const Outcome& outcome) {
    const std::uint32_t share = x.generation.site->log_success_share;
    return share == kMillion || outcome.status >= 400 || !outcome.why.empty() ||
           x.traced != nullptr || x.shard.random().below(kMillion) < share;
}

}  // namespace

observe::AccessRecord record_of(const Exchange& x, const Outcome& outcome, Instant now) {
    const http::RequestHead& head = x.head();
    observe::AccessRecord record{};
    record.time = x.shard.loop().clock().wall;
    // What is no request of a client is no failure of ours, whatever its status (501, 505), and a
    // probe that hears of a planned end (503) has not failed.
    const bool planned = outcome.decided_by == stages::health.name && x.shard.health().draining;
    const bool failed = outcome.status >= 500 && x.stream.defect() == nullptr && !planned;
    record.level = failed ? observe::LogLevel::error : observe::LogLevel::info;
    record.request_id = x.request_id;
    record.trace_id = {x.trace.trace_id.data(), x.trace.trace_id.size()};
    record.method = head.method_text;
    record.path = head.path;
    record.query = head.query;
    record.has_query = head.has_query;
    record.route = x.route != nullptr ? std::string_view{x.route->path} : observe::kNoRoute;
    record.status = outcome.status;
    record.duration = now - x.stream.began();
    if (x.upstream_began) {
        record.upstream = x.service->name();
        record.upstream_duration =
            (x.upstream_ended != Instant{} ? x.upstream_ended : now) - *x.upstream_began;
    } else if (x.service != nullptr && outcome.decided_by == kForward) {
        // It was not asked, but it is the one that cannot be: whoever looks for it finds the line.
        record.upstream = x.service->name();
    }
    record.parts = x.parts;
    record.ip = x.client_text;
    if (x.identity) {
        record.user_id = x.identity->subject;
        record.tenant_id = x.identity->tenant;
    }
    if (x.generation.site->client_certificates) [[unlikely]] {
        if (const net::TlsPeer* const peer = x.stream.client_certificate()) {
            record.client_cert = peer->subject;
        }
    }
    record.sampled = x.generation.site->log_success_share != kMillion;
    record.bytes_in = x.stream.bytes_in();
    record.bytes_out = x.stream.bytes_out();
    record.protocol = http::protocol_name(x.stream.protocol());
    record.outcome = outcome.decided_by;
    record.detail = outcome.why;
    return record;
}

Finish::Finish(Exchange& x) : x_(x) {
    x_.shard.gauges(x_.stream.protocol()).in_progress.add(1);
}

Finish::~Finish() {
    Shard& shard = x_.shard;
    const http::RequestHead& head = x_.head();
    const Instant now = shard.loop().now();
    Outcome outcome = x_.outcome;
    if (x_.client_gone || outcome.status == 0) {
        outcome.decided_by = x_.client_gone ? "client" : outcome.decided_by;
        outcome.why = x_.cut_why != nullptr ? x_.cut_why : outcome.why;
        outcome.why = outcome.why.empty() ? "the client closed the connection" : outcome.why;
        // The client has waited until our end, and is not to be taken for one that has left.
        const bool ended = outcome.why == kProcessEnds;
        outcome.decided_by = ended ? kEnding : outcome.decided_by;
        outcome.status = x_.stream.responded() ? outcome.status
                         : ended               ? kind_of(Code::draining).status
                                               : kClientClosedRequest;
    }
    const Instant::duration took = now - x_.stream.began();
    tell_of_dropped(x_);
    report_visit(x_, outcome.status);
    if (has_malformed_body(x_)) [[unlikely]] {
        report_malformed_body(x_, outcome.status);
    }

    shard.gauges(x_.stream.protocol()).in_progress.sub(1);
    observe::RouteSeries& series = x_.route != nullptr
                                       ? *x_.generation.route_series[x_.route->index]
                                       : *x_.generation.unrouted;
    observe::Traced trace;
    if (x_.trace.sampled) {
        trace = {.id = {x_.trace.trace_id.data(), x_.trace.trace_id.size()},
                 .now = shard.loop().clock().wall};
    }
    series.finished(http::method_name(head.method), outcome.status, took, x_.stream.bytes_in(),
                    x_.stream.bytes_out(), trace);

    const bool line = !x_.tunnelled && has_line(x_, outcome);
    send_trace(x_, outcome, now);
    if (line) [[likely]] {
        shard.write_access_line(record_of(x_, outcome, now));
    }
}

}  // namespace gw::gateway
