#include "gateway/arrival.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

constexpr std::size_t kHopsMax =
    32;  // of X-Forwarded-For, from the right: more is noise or an attack

bool trusts(std::span<const Cidr> trusted, const IpAddress& address) {
    return std::ranges::any_of(trusted, [&](const Cidr& block) { return block.contains(address); });
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

bool is_port(std::string_view text) {
    constexpr std::uint64_t kPortMax = 65'535;
    const std::optional<std::uint64_t> port = parse_decimal(text);
    return text.size() <= 5 && port && *port <= kPortMax;
}

// Some proxies write the client's port as well: "192.0.2.1:47011", "[2001:db8::1]:47011". Without
// brackets an IPv6 address has none, or nobody could tell where it begins.
std::optional<IpAddress> address_of_hop(std::string_view hop) {
    if (hop.starts_with('[')) {
        const std::size_t end = hop.find(']');
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string_view inside = hop.substr(1, end - 1);
        const std::string_view rest = hop.substr(end + 1);
        const bool sound = inside.find(':') != std::string_view::npos &&
                           (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
        return sound ? IpAddress::parse(inside) : std::nullopt;
    }
    const std::size_t colon = hop.find(':');
    const bool has_port = colon != std::string_view::npos && colon == hop.rfind(':') &&
                          is_port(hop.substr(colon + 1));
    return IpAddress::parse(has_port ? hop.substr(0, colon) : hop);
}

// Of several, nobody knows which one the others on the way have taken.
std::optional<observe::TraceContext> trace_of(const http::Headers& headers) {
    if (!headers.has(http::Known::traceparent) ||
        std::ranges::count(headers, http::Known::traceparent, &http::Field::known) != 1) {
        return std::nullopt;
    }
    return observe::parse_traceparent(headers.value(http::Known::traceparent));
}

}  // namespace

bool acceptable_id(std::string_view id) {
    return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

IpAddress client_address(const IpAddress& peer, const http::Headers& headers,
                         std::span<const Cidr> trusted) {
    IpAddress client = peer;
    std::size_t hops = 0;
    // Several fields of that name are one list (RFC 9110, 5.3): the last field is the nearest.
    for (const http::Field* field = headers.end(); field != headers.begin();) {
        --field;
        if (field->known != http::Known::x_forwarded_for) {
            continue;
        }
        std::string_view left = field->value;
        while (!left.empty()) {
            if (!trusts(trusted, client) || ++hops > kHopsMax) {
                return client;
            }
            const std::size_t comma = left.rfind(',');
            const std::string_view hop =
                trim(comma == std::string_view::npos ? left : left.substr(comma + 1));
            left = comma == std::string_view::npos ? std::string_view{} : left.substr(0, comma);
            const std::optional<IpAddress> address = address_of_hop(hop);
            if (!address) {
                return client;
            }
            client = *address;
        }
    }
    return client;
}

bool came_over_tls(const Exchange& x) {
    return x.stream.secure() ||
           (x.peer_trusted && x.head().headers.value(http::Known::x_forwarded_proto) == "https");
}

void identify(Exchange& x) {
    constexpr std::uint64_t kMillion = 1'000'000;
    const http::Headers& headers = x.head().headers;
    const Site& site = *x.generation.site;
    Random& random = x.shard.random();

    const std::string_view id = headers.value(http::Known::x_request_id);
    if (acceptable_id(id)) {
        x.request_id = id;
    } else {
        std::array<char, 36> fresh;
        random.uuid(fresh);
        x.request_id = x.memory.arena.copy({fresh.data(), fresh.size()});
    }
    const std::string_view correlation = headers.value(http::Known::x_correlation_id);
    x.correlation_id = acceptable_id(correlation) ? correlation : x.request_id;

    const auto given = trace_of(headers);
    x.trace_continued = given.has_value();
    if (given) {
        x.trace = *given;
    } else {
        random.hex(x.trace.trace_id.data(), x.trace.trace_id.size() / 2);
        x.trace.sampled = site.traced && random.below(kMillion) < site.trace_share;
    }
    random.hex(x.trace.span_id.data(), x.trace.span_id.size() / 2);
    if (site.traced && x.trace.sampled) {
        x.traced = std::make_unique<observe::TraceRecord>();
    }
    if (given && site.traced) {
        x.parent_span = given->span_id;
    }

    const IpAddress& peer = x.stream.peer().ip;
    x.peer_trusted = !site.trusted_proxies.empty() && trusts(site.trusted_proxies, peer);
    x.client = x.peer_trusted ? client_address(peer, headers, site.trusted_proxies) : peer;
    char* const text = x.memory.arena.take(IpAddress::kTextMax);
    x.client_text = {text, x.client.write(text)};
}

}  // namespace gw::gateway
