#include "gateway/forwarded_head.hpp"

#include <array>
#include <charconv>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/signing.hpp"
#include "http/protected_names.hpp"
#include "identity/identity.hpp"
#include "observe/json_line.hpp"

namespace gw::gateway {
namespace {

using http::Field;
using http::Headers;
using http::Known;

// Fields that belong to one connection (RFC 9110, 7.6.1), whether Connection names them or not.
constexpr bool hop_by_hop(Known known) {
    switch (known) {
        case Known::connection:
        case Known::keep_alive:
        case Known::proxy_connection:
        case Known::proxy_authenticate:
        case Known::proxy_authorization:
        case Known::te:
        case Known::trailer:
        case Known::transfer_encoding:
        case Known::content_length:  // written anew from the framing
        case Known::upgrade:
        case Known::http2_settings:
            return true;
        default:
            return false;
    }
}

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
            return hop_by_hop(known);
    }
}

// Of a response: our ids, the date, the banner, our time, five about limits, two of the cache, and
// those for browsers.
constexpr std::size_t kOwnFieldsMax = 16 + Edge::kFieldsMax;

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
            return hop_by_hop(known);
    }
}

// Does a Connection field name this one? Fields that carry meaning end to end stay, whoever lists
// them.
bool listed_in_connection(const Headers& headers, const Field& field) {
    switch (field.known) {
        case Known::host:
        case Known::content_type:
        case Known::content_encoding:
        case Known::date:
        case Known::location:
        case Known::set_cookie:
            return false;
        default:
            break;
    }
    if (equal_ignore_case(field.name, "cache-control")) {
        return false;
    }
    for (const Field& connection : headers) {
        if (connection.known == Known::connection && list_contains(connection.value, field.name)) {
            return true;
        }
    }
    return false;
}

// True when Connection says more than the usual "keep-alive" or "close".
bool connection_lists_fields(const Headers& headers) {
    if (!headers.has(Known::connection)) {
        return false;
    }
    for (const Field& field : headers) {
        if (field.known == Known::connection && !equal_ignore_case(field.value, "keep-alive") &&
            !equal_ignore_case(field.value, "close")) {
            return true;
        }
    }
    return false;
}

std::string_view decimal(Arena& arena, std::int64_t number) {
    char* const at = arena.take(20);
    return {at, std::to_chars(at, at + 20, number).ptr};
}

bool copy_request_fields(Exchange& x, Headers& out) {
    const Headers& in = x.head().headers;
    const bool lists = connection_lists_fields(in);
    bool claims = false;
    for (const Field& field : in) {
        if (replaced_in_request(field.known) ||
            (field.known == Known::x_api_key && x.identity && x.identity->by_api_key)) {
            continue;
        }
        if (field.known == Known::other) {
            if (const std::string_view name = http::identity_name(field.name); !name.empty()) {
                x.shard.metrics().dangerous_header(name).add();
                claims = claims || http::claims_identity(name);
                continue;
            }
            if (http::names_override(field.name)) {
                continue;
            }
        }
        if (lists && listed_in_connection(in, field)) {
            continue;
        }
        if (!out.add(field)) {
            return false;
        }
    }
    if (claims) {
        report_violation(x, observe::Violation::header_manipulation,
                         "fields that only the gateway may set were dropped", "dropped", 0);
    }
    return true;
}

std::string_view forwarded_for(Exchange& x) {
    Arena& arena = x.memory.arena;
    if (!x.peer_trusted) {
        return x.client_text;
    }
    char* const at = arena.take(IpAddress::kTextMax);
    const std::string_view peer{at, x.stream.peer().ip.write(at)};
    std::string_view chain;
    for (const Field& field : x.head().headers) {
        if (field.known == Known::x_forwarded_for) {
            chain = chain.empty() ? field.value : arena.join(chain, ", ", field.value);
        }
    }
    return chain.empty() ? peer : arena.join(chain, ", ", peer);
}

std::string_view forwarded_proto(const Exchange& x) {
    const std::string_view given = x.head().headers.value(Known::x_forwarded_proto);
    if (x.peer_trusted && (given == "https" || given == "http")) {
        return given;
    }
    return x.stream.secure() ? "https" : "http";
}

std::string_view traceparent(Exchange& x) {
    char* const at = x.memory.arena.take(observe::kTraceparentSize);
    observe::write_traceparent(x.trace, at);
    x.forwarded_span = at + 36;
    return {at, observe::kTraceparentSize};
}

bool add_request_fields(Exchange& x, Headers& out) {
    const Site& site = *x.generation.site;
    Arena& arena = x.memory.arena;
    const auto left = std::chrono::duration_cast<Millis>(x.deadline - x.shard.loop().now());
    const std::int64_t deadline = epoch_ms(x.shard.loop().clock().wall) + left.count();
    const Field* via = x.head().headers.find(Known::via);
    const std::string_view hop = http::protocol_version(x.stream.protocol());
    return out.add(Known::host, site.services[x.route->service_index].authority) &&
           out.add(Known::via, via != nullptr ? arena.join(via->value, ", ", hop, " ", site.via)
                                              : arena.join(hop, " ", site.via)) &&
           out.add(Known::x_forwarded_for, forwarded_for(x)) &&
           out.add(Known::x_forwarded_proto, forwarded_proto(x)) &&
           (x.head().authority.empty() || out.add(Known::x_forwarded_host, x.head().authority)) &&
           out.add_other("X-Original-Ip", x.client_text) &&
           out.add(Known::x_request_id, x.request_id) &&
           out.add(Known::x_correlation_id, x.correlation_id) &&
           out.add(Known::traceparent, traceparent(x)) &&
           out.add_other("X-Request-Deadline", decimal(arena, deadline)) &&
           out.add_other("X-Gateway-Forwarded", "true");
}

bool add_identity_fields(const Exchange& x, Headers& out) {
    const identity::Identity& caller = *x.identity;
    return out.add_other("X-User-Id", caller.subject) &&
           out.add_other("X-Tenant-Id", caller.tenant) && out.add_other("X-Tenant-Source", "jwt") &&
           (caller.role.empty() || out.add_other("X-User-Role", caller.role));
}

// A Location that names the service itself would lead clients past the gateway: it becomes a path
// of ours.
std::string_view public_location(Exchange& x, std::string_view location) {
    const std::string_view authority =
        x.generation.site->services[x.route->service_index].authority;
    std::string_view path = location;
    if (path.starts_with("http://")) {
        path.remove_prefix(7);
    } else if (path.starts_with("https://")) {
        path.remove_prefix(8);
    } else if (path.starts_with("//")) {
        path.remove_prefix(2);
    } else {
        return location;
    }
    if (!path.starts_with(authority) ||
        (path.size() > authority.size() && path[authority.size()] != '/' &&
         path[authority.size()] != '?')) {
        return location;
    }
    path.remove_prefix(authority.size());
    const Route& route = *x.route;
    if (route.prefix && !route.same_path && route.rewrite.size() == 1) {
        const std::string_view base = route.rewrite.front().text;
        if (path.starts_with(base)) {
            const std::string_view prefix =
                std::string_view(route.path).substr(0, route.path.size() - 3);
            return x.memory.arena.join(prefix, path.substr(base.size()));
        }
    }
    return path.empty() ? std::string_view{"/"} : path;
}

}  // namespace

bool build_request_head(Exchange& x, http::Framing framing, std::uint64_t content_length) {
    const http::RequestHead& in = x.head();
    http::RequestHead& out = x.memory.request;
    out.method = in.method;
    out.method_text = in.method_text;
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
    return add_request_fields(x, out.headers) &&
           (!x.identity || add_identity_fields(x, out.headers)) && add_signature(x, out);
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
bool add_limit_fields(Exchange& x, Headers& out) {
    Arena& arena = x.memory.arena;
    const limits::Policy& policy = *x.limited.policy;
    const limits::Outcome& outcome = x.limited.outcome;
    const std::string_view limit = decimal(arena, outcome.limit);
    const std::string_view remaining = decimal(arena, outcome.remaining);
    const std::string_view reset = decimal(
        arena, limit_seconds(policy, outcome.admitted ? outcome.reset : outcome.retry_after));
    const std::string& name = policy.quoted_name();
    return out.add_other("RateLimit-Policy",
                         arena.join(name, ";q=", limit, policy.window_text())) &&
           out.add_other("RateLimit", arena.join(name, ";r=", remaining, ";t=", reset)) &&
           out.add_other("X-RateLimit-Limit", limit) &&
           out.add_other("X-RateLimit-Remaining", remaining) &&
           out.add_other("X-RateLimit-Reset", reset);
}

}  // namespace

std::int64_t limit_seconds(const limits::Policy& policy, Instant::duration time) {
    const Instant::duration late = Instant::duration(policy.window()) / 8'192;
    return std::chrono::ceil<std::chrono::seconds>(std::max(Instant::duration::zero(), time - late))
        .count();
}

void add_own_fields(Exchange& x, http::ResponseHead& head) {
    bool added = head.headers.add(Known::x_request_id, x.request_id) &&
                 head.headers.add(Known::x_correlation_id, x.correlation_id);
    if (!head.headers.has(Known::date)) {
        added = added && head.headers.add(Known::date, x.memory.arena.copy(x.shard.date()));
    }
    const std::string_view banner = x.shard.access().known().banner(x.shard.loop().clock().wall);
    if (!banner.empty()) {
        // The version of what is known may be replaced while the response is on its way.
        added =
            added && head.headers.add_other("X-Maintenance-Banner", x.memory.arena.copy(banner));
    }
    if (const std::string& hsts = x.generation.site->hsts; !hsts.empty() && x.stream.secure()) {
        added = added && head.headers.add_other("Strict-Transport-Security", hsts);
    }
    if (x.generation.site->server_timing) {
        added = added && head.headers.add_other("Server-Timing", server_timing(x));
    }
    if (x.limited.policy != nullptr) {
        added = added && add_limit_fields(x, head.headers);
    }
    if (const Edge* const edge = x.generation.site->edge.get(); edge != nullptr) {
        added = added && add_edge_fields(*edge, x.head(), head.headers);
    }
    ensure(added, "no room was kept for our own fields");
}

bool goes_to_client(const Headers& headers, const Field& field) {
    return !replaced_in_response(field.known) && !listed_in_connection(headers, field);
}

bool build_response_head(Exchange& x, const http::ResponseHead& from) {
    http::ResponseHead& out = x.memory.response;
    out.status = from.status;
    out.reason = from.reason;
    out.framing = from.framing;
    out.content_length = from.content_length;
    out.headers.clear();
    const bool lists = connection_lists_fields(from.headers);
    for (const Field& field : from.headers) {
        if (field.known == Known::content_length && from.framing == http::Framing::none) {
            // Of an answer without a body (HEAD, 304): the length that a GET would have.
            if (!out.headers.add(field)) {
                return false;
            }
            continue;
        }
        if (replaced_in_response(field.known) ||
            (lists && listed_in_connection(from.headers, field))) {
            continue;
        }
        if (out.headers.size() + kOwnFieldsMax > Headers::kFieldsMax) {
            return false;
        }
        const bool added =
            field.known == Known::location
                ? out.headers.add(field.name, public_location(x, field.value), field.known)
                : out.headers.add(field);
        if (!added) {
            return false;
        }
    }
    if (x.cache) [[unlikely]] {
        x.cache->take_head(x, out);
        ensure(out.headers.add("Cache-Status", x.cache->status(x)),
               "room was kept for our own fields");
    }
    add_own_fields(x, out);
    return true;
}

bool build_interim_head(Exchange& x, const http::ResponseHead& from) {
    http::ResponseHead& out = x.memory.response;
    out.status = from.status;
    out.reason = from.reason;
    out.framing = http::Framing::none;
    out.headers.clear();
    for (const Field& field : from.headers) {
        if (!replaced_in_response(field.known) && !out.headers.add(field)) {
            return false;
        }
    }
    return true;
}

}  // namespace gw::gateway
