// What an operator may set about name resolution.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "config/field.hpp"

namespace gw::net {

// "10.0.0.10", "10.0.0.10:5353", "fd00::10", "[fd00::10]:5353"
inline std::optional<config::Flaw> check_dns_server(std::string_view text) {
    std::string_view host = text;
    std::string_view port = "53";
    if (text.starts_with('[')) {
        const std::size_t end = text.find("]:");
        host = text.substr(1, end == std::string_view::npos ? end : end - 1);
        port = end == std::string_view::npos ? "" : text.substr(end + 2);
    } else if (const std::size_t colon = text.find(':');
               colon != std::string_view::npos &&
               text.find(':', colon + 1) == std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    unsigned number = 0;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (IpAddress::parse(host) && error == std::errc{} && stop == port.data() + port.size() &&
        number > 0 && number < 65'536) {
        return std::nullopt;
    }
    return config::Flaw{"is " + config::quote(text), "write an IP address, with or without :port"};
}

struct DnsOptions {
    std::vector<std::string> servers;  // empty: those of the system
    Millis ttl_min{1'000};
    Millis ttl_max{60'000};
};

template <class Visitor>
void fields(Visitor& field, DnsOptions& o) {
    using namespace config;
    field("servers", o.servers, Check{check_dns_server, ""}, AtStart{},
          "name servers to ask, as addresses with or without `:port`; none listed: the system's");
    field("ttl_min_ms", o.ttl_min, Range{100, 3'600'000}, AtStart{},
          "shortest time an answer is used, whatever its TTL");
    field("ttl_max_ms", o.ttl_max, Range{100, 86'400'000}, AtStart{},
          "longest time an answer is used, whatever its TTL");
}

}  // namespace gw::net
