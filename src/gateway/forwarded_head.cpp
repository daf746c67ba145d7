#include "gateway/forwarded_head.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/copy_text.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "gateway/claimed_fields.hpp"
#include "gateway/mirror_options.hpp"
#include "gateway/public_location.hpp"
#include "gateway/shard.hpp"
#include "gateway/signing.hpp"
#include "gateway/transform_options.hpp"
#include "http/hop_by_hop.hpp"
#include "http/line_writer.hpp"
#include "http/protected_names.hpp"
#include "identity/identity.hpp"
#include "net/tls_session.hpp"
#include "observe/json_line.hpp"

namespace gw::gateway {
namespace {

using http::Field;
using http::Headers;
using http::Known;

// Fields of requests that the gateway answers for itself, or that could name another target behind
// its back.
constexpr bool replaced_in_request(Known known) {
    switch (known) {
        case Known::host:
        case Known::expect:
        case Known::max_forwards:
        case Known::via:
        case Known::forwarded:
        case Known::x_forwarded_for:
        case Known::x_forwarded_proto:
        case Known::x_forwarded_host:
        case Known::x_forwarded_port:
        case Known::x_original_url:
        case Known::x_rewrite_url:
        case Known::x_http_method_override:
        case Known::x_request_id:
        case Known::x_correlation_id:
        case Known::traceparent:
            return true;
        default:
            return http::hop_by_hop(known);
    }
}

// Of a response: our ids, the date, the banner, our time, five about limits, two of the cache, and
// those for browsers.
constexpr std::size_t kOwnFieldsMax = 16 + Edge::kFieldsMax;

// Names, punctuation and numbers of the lines that we write; what else stands in them is added.
constexpr std::size_t kOwnRequestBytes = 320;
constexpr std::size_t kOwnResponseBytes = 512;
constexpr std::size_t kOwnRequestFields = 10;

// Fields of responses that tell of what is behind us, or that the gateway sets.
constexpr bool replaced_in_response(Known known) {
    switch (known) {
        case Known::server:
        case Known::x_powered_by:
        case Known::x_resource_tenant:
        case Known::x_request_id:
        case Known::x_correlation_id:
            return true;
        default:
            return http::hop_by_hop(known);
    }
}

// Of a token that has said who asks: does the service do without it?
bool withholds_token(const Exchange& x) {
    return x.identity != nullptr && !x.identity->by_api_key &&
           x.generation.site->services[x.service_index].options.withhold_token;
}

// Keys of ours go no further, also where a token has decided or the key has ended; one that a
// service has given out itself is for that service.
bool is_own_api_key(const Exchange& x, std::string_view key) {
    return (x.identity != nullptr && x.identity->by_api_key) ||
           x.generation.site->api_keys.knows(key);
}

bool copy_request_fields(Exchange& x, Headers& out) {
    const Headers& in = x.head().headers;
    const auto listed = http::ConnectionNames::of(in);
    const bool withholds = withholds_token(x);
    const bool tells = !std::exchange(x.dropped_fields_told, true);
    bool claims = false;
    for (const Field& field : in) {
        if (replaced_in_request(field.known)) {
            if (tells) {
                count_hop_by_hop(x, field);
            }
            continue;
        }
        // A tracestate speaks of the trace in its traceparent, and of no other (W3C, 3.3).
        if ((field.known == Known::authorization && withholds) ||
            (field.known == Known::x_api_key && is_own_api_key(x, field.value)) ||
            (field.known == Known::tracestate && !x.trace_continued)) {
            continue;
        }
        if (field.known == Known::other) {
            if (const std::string_view name = http::identity_name(field.name); !name.empty()) {
                claims = (tells && count_dropped(x, name)) || claims;
                continue;
            }
            if (http::names_override(field.name)) {
                continue;
            }
        }
        if (listed && listed->list(field)) {
            if (tells) {
                count_dropped(x, http::kConnection);
            }
            continue;
        }
        if (!out.add(field)) {
            return false;
        }
    }
    if (claims) {
        report_claims(x);
    }
    return true;
}

// All lines of that name as the one list that they are (RFC 9110, 5.3); empty: there is none.
std::string_view joined(Arena& arena, const Headers& headers, Known known) {
    constexpr std::string_view kComma = ", ";
    std::size_t size = 0;
    for (const Field& field : headers) {
        size += field.known == known ? field.value.size() + kComma.size() : 0;
    }
    char* const begin = arena.take(size);
    char* end = begin;
    for (const Field& field : headers) {
        if (field.known == known && !field.value.empty()) {
            end = copy_text(end == begin ? end : copy_text(end, kComma), field.value);
        }
    }
    return {begin, end};
}

std::string_view forwarded_for(Exchange& x) {
    Arena& arena = x.memory.arena;
    if (!x.peer_trusted) {
        return x.client_text;
    }
    char* const at = arena.take(IpAddress::kTextMax);
    const std::string_view peer{at, x.stream.peer().ip.write(at)};
    const std::string_view chain = joined(arena, x.head().headers, Known::x_forwarded_for);
    return chain.empty() ? peer : arena.join(chain, ", ", peer);
}

std::string_view forwarded_proto(const Exchange& x) {
    const std::string_view given = x.head().headers.value(Known::x_forwarded_proto);
    if (x.peer_trusted && (given == "https" || given == "http")) {
        return given;
    }
    return x.stream.secure() ? "https" : "http";
}

bool add_via(Exchange& x, Headers& out) {
    const Site& site = *x.generation.site;
    const http::Protocol protocol = x.stream.protocol();
    const Headers& in = x.head().headers;
    const std::string_view before =
        in.has(Known::via) ? joined(x.memory.arena, in, Known::via) : std::string_view{};
    if (before.empty()) [[likely]] {
        return site.via_fields[static_cast<std::size_t>(protocol)].add_to(out);
    }
    return out.add(Known::via, x.memory.arena.join(before, ", ", http::protocol_version(protocol),
                                                   " ", site.via));
}

bool add_request_fields(Exchange& x, Headers& out) {
    const Site& site = *x.generation.site;
    if (!site.services[x.service_index].fields.add_to(out) || !add_via(x, out) ||
        out.room() < kOwnRequestFields) {
        return false;
    }
    if (site.client_certificates) [[unlikely]] {
        const net::TlsPeer* const peer = x.stream.client_certificate();
        if (peer != nullptr && !out.add("Client-Cert", peer->field)) {
            return false;
        }
    }
    const std::string_view chain = forwarded_for(x);
    const std::string_view authority = x.head().authority;
    http::LineWriter lines(out, x.memory.arena.take(kOwnRequestBytes + chain.size() +
                                                    authority.size() + x.client_text.size() +
                                                    x.request_id.size() + x.correlation_id.size()));
    lines.line("X-Forwarded-For: ", Known::x_forwarded_for, chain);
    lines.line("X-Forwarded-Proto: ", Known::x_forwarded_proto, forwarded_proto(x));
    if (!authority.empty()) {
        lines.line("X-Forwarded-Host: ", Known::x_forwarded_host, authority);
    }
    if (const auto hops = hops_left(x.head()); hops && *hops > 0) [[unlikely]] {
        lines.line("Max-Forwards: ", Known::max_forwards).number(*hops - 1).end();
    }
    lines.line("X-Original-Ip: ", Known::other, x.client_text);
    lines.line("X-Request-Id: ", Known::x_request_id, x.request_id);
    lines.line("X-Correlation-Id: ", Known::x_correlation_id, x.correlation_id);

    char* const trace =
        lines.line("traceparent: ", Known::traceparent).take(observe::kTraceparentSize);
    observe::write_traceparent(x.trace, trace);
    x.forwarded_span = trace + 36;
    lines.end();

    const auto left = std::chrono::duration_cast<Millis>(x.deadline - x.shard.loop().now());
    lines.line("X-Request-Deadline: ")
        .number(epoch_ms(x.shard.loop().clock().wall) + left.count())
        .end();
    return true;
}

}  // namespace

std::optional<std::int64_t> hops_left(const http::RequestHead& head) {
    if (head.method != http::Method::options || !head.headers.has(Known::max_forwards)) [[likely]] {
        return std::nullopt;
    }
    if (std::ranges::count(head.headers, Known::max_forwards, &Field::known) != 1) {
        return std::nullopt;
    }
    const auto hops = parse_decimal(head.headers.value(Known::max_forwards));
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    return hops ? std::optional(static_cast<std::int64_t>(std::min(*hops, kMost))) : std::nullopt;
}

bool build_request_head(Exchange& x, http::Framing framing, std::uint64_t content_length) {
    const http::RequestHead& in = x.head();
    http::RequestHead& out = x.memory.request;
    // A WebSocket that is asked for over HTTP/2 (RFC 8441) is a GET to services, and signed as one.
    const bool connect = in.method == http::Method::connect;
    out.method = connect ? http::Method::get : in.method;
    out.method_text = connect ? "GET" : in.method_text;
    out.path = x.upstream_path;
    out.query = in.query;
    out.has_query = in.has_query;
    out.framing = framing;
    out.content_length = content_length;
    out.headers.clear();
    if (!copy_request_fields(x, out.headers)) {
        return false;
    }
    if (x.cache) [[unlikely]] {
        x.cache->amend_request(out.headers);
    }
    if (x.transform != nullptr && !change_fields(x, x.transform->request, out.headers))
        [[unlikely]] {
        return false;
    }
    if (x.copied != nullptr && !mark_copy(*x.copied, out.headers)) [[unlikely]] {
        return false;
    }
    return add_request_fields(x, out.headers) &&
           (!x.identity || x.identity->fields.add_to(out.headers)) && add_signature(x, out);
}

namespace {

// Milliseconds with three decimals (W3C Server Timing). `total` ends where the answer begins.
std::string_view server_timing(Exchange& x) {
    Arena& arena = x.memory.arena;
    const auto millis = [&](Instant::duration time) {
        char* const at = arena.take(24);
        return std::string_view{at, observe::write_millis(at, time)};
    };
    const std::string_view total = millis(x.shard.loop().now() - x.stream.began());
    if (!x.upstream_began || x.upstream_ended == Instant{}) {
        return arena.join("total;dur=", total);
    }
    return arena.join("total;dur=", total,
                      ", upstream;dur=", millis(x.upstream_ended - *x.upstream_began));
}

// draft-ietf-httpapi-ratelimit-headers, and the fields that came before it. Seconds are until then.
void add_limit_fields(const Limited& limited, http::LineWriter& lines) {
    const limits::Policy& policy = *limited.policy;
    const limits::Outcome& outcome = limited.outcome;
    lines.line("X-RateLimit-Limit: ").number(outcome.limit);
    const std::string_view limit = lines.end();
    lines.line("X-RateLimit-Remaining: ").number(outcome.remaining);
    const std::string_view remaining = lines.end();
    lines.line("X-RateLimit-Reset: ").number(limit_seconds(policy, outcome));
    const std::string_view reset = lines.end();
    const std::string& name = policy.quoted_name();
    lines.line("RateLimit-Policy: ")
        .text(name)
        .literal(";q=")
        .text(limit)
        .text(policy.window_text())
        .end();
    lines.line("RateLimit: ").text(name).literal(";r=").text(remaining).literal(";t=").text(reset);
    lines.end();
}

}  // namespace

std::int64_t limit_seconds(const limits::Policy& policy, const limits::Outcome& outcome) {
    using std::chrono::ceil;
    using std::chrono::seconds;
    // A block that is shorter than the window ends before there is room.
    const Millis nominal =
        outcome.blocked ? std::max(policy.block(), policy.window()) : policy.window();
    const Instant::duration time = outcome.admitted ? outcome.reset : outcome.retry_after;
    return std::clamp<std::int64_t>(ceil<seconds>(time).count(), 0, ceil<seconds>(nominal).count());
}

void add_own_fields(Exchange& x, http::ResponseHead& head) {
    const Site& site = *x.generation.site;
    const std::string_view date = head.headers.has(Known::date) ? "" : x.shard.date();
    // The version of what is known may be replaced while the response is on its way: all is copied.
    const std::string_view banner = x.shard.access().known().banner(x.shard.loop().clock().wall);
    const limits::Policy* const policy = x.limited.policy;
    const std::size_t limit_bytes =
        policy != nullptr ? 2 * policy->quoted_name().size() + policy->window_text().size() : 0;
    const bool with_hsts =
        !site.hsts.empty() && x.stream.secure() && !keeps_hsts(site.hsts, head.headers);
    http::LineWriter lines(
        head.headers,
        x.memory.arena.take(kOwnResponseBytes + x.request_id.size() + x.correlation_id.size() +
                            date.size() + banner.size() + site.hsts.size() + limit_bytes));
    lines.line("X-Request-Id: ", Known::x_request_id, x.request_id);
    lines.line("X-Correlation-Id: ", Known::x_correlation_id, x.correlation_id);
    if (!date.empty()) {
        lines.line("Date: ", Known::date, date);
    }
    if (policy != nullptr) {
        add_limit_fields(x.limited, lines);
    }
    if (!banner.empty()) {
        lines.line("X-Maintenance-Banner: ", Known::other, banner);
    }
    if (with_hsts) {
        lines.line("Strict-Transport-Security: ", Known::other, site.hsts);
    }
    bool added = true;
    if (site.server_timing) {
        added = head.headers.add_other("Server-Timing", server_timing(x));
    }
    if (const Edge* const edge = site.edge.get(); edge != nullptr) {
        added = added && add_edge_fields(*edge, x.head(), head.headers);
    }
    ensure(added, "no room was kept for our own fields");
}

bool goes_to_client(const std::optional<http::ConnectionNames>& listed, const Field& field) {
    return !replaced_in_response(field.known) && !(listed && listed->list(field));
}

http::Field as_for_client(Exchange& x, const http::Field& field) {
    if (field.known != Known::location &&
        (field.known != Known::other || !equal_ignore_case(field.name, "Content-Location"))) {
        return field;
    }
    const std::string_view seen = public_location(x, field.value);
    return seen.data() == field.value.data() && seen.size() == field.value.size()
               ? field
               : Field{field.name, seen, field.known};
}

bool build_response_head(Exchange& x, const http::ResponseHead& from) {
    http::ResponseHead& out = x.memory.response;
    out.status = from.status;
    out.reason = from.reason;
    out.framing = from.framing;
    out.content_length = from.content_length;
    out.headers.clear();
    const auto listed = http::ConnectionNames::of(from.headers);
    for (const Field& field : from.headers) {
        if (field.known == Known::content_length && from.framing == http::Framing::none) {
            // Of an answer without a body (HEAD, 304): the length that a GET would have.
            if (!out.headers.add(field)) {
                return false;
            }
            continue;
        }
        if (!goes_to_client(listed, field)) {
            continue;
        }
        if (out.headers.size() + kOwnFieldsMax > Headers::kFieldsMax) {
            return false;
        }
        if (!out.headers.add(as_for_client(x, field))) {
            return false;
        }
    }
    if (x.cache) [[unlikely]] {
        x.cache->take_head(x, out);
        ensure(out.headers.add("Cache-Status", x.cache->status(x)),
               "room was kept for our own fields");
    }
    if (x.idempotency) [[unlikely]] {
        x.idempotency->take_head(x, out);
    }
    if (x.webhook != nullptr) [[unlikely]] {
        x.webhook->answered(from.status);
    }
    if (!change_answer(x, out)) {
        return false;
    }
    add_own_fields(x, out);
    return true;
}

std::string_view answering_version(const Exchange& x) {
    if (x.idempotency && x.idempotency->replays() != nullptr) {
        return x.idempotency->replays()->value(x.version_field);
    }
    return x.generation.site->services[x.service_index].name;
}

bool change_answer(const Exchange& x, http::ResponseHead& head) {
    if (x.transform == nullptr && x.version_field.empty()) [[likely]] {
        return true;
    }
    if (x.transform != nullptr && !change_fields(x, x.transform->response, head.headers)) {
        return false;
    }
    if (!x.version_field.empty()) {
        head.headers.erase_if(
            [&](const Field& field) { return equal_ignore_case(field.name, x.version_field); });
        const std::string_view version = answering_version(x);
        if (!version.empty() && !head.headers.add(x.version_field, version)) {
            return false;
        }
    }
    return head.headers.room() >= kOwnFieldsMax;
}

bool build_interim_head(Exchange& x, const http::ResponseHead& from) {
    http::ResponseHead& out = x.memory.response;
    out.status = from.status;
    out.reason = from.reason;
    out.framing = http::Framing::none;
    out.headers.clear();
    const auto listed = http::ConnectionNames::of(from.headers);
    for (const Field& field : from.headers) {
        // All that stages take out of an answer stays behind as well, whatever it is.
        if (equal_ignore_case(field.name, "link") && goes_to_client(listed, field) &&
            !out.headers.add(field)) {
            return false;
        }
    }
    return true;
}

}  // namespace gw::gateway
