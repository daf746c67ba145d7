// What an operator may set about sockets that face clients and operators.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "config/field.hpp"

namespace gw::net {

inline std::optional<config::Flaw> check_listen_host(std::string_view text) {
    if (IpAddress::parse(text)) {
        return std::nullopt;
    }
    return config::Flaw{"is " + config::quote(text),
                        "write an IP address of this machine, or 0.0.0.0 or :: for all of them"};
}

// A token travels in a header field: visible ASCII only. The text itself is never shown.
inline std::optional<config::Flaw> check_token(std::string_view text) {
    for (const char c : text) {
        if (c <= 0x20 || c >= 0x7F) {
            return config::Flaw{"holds a space, a control or a byte outside ASCII",
                                "use letters, digits and punctuation"};
        }
    }
    return std::nullopt;
}

// Whether connections begin with a PROXY header (proxy_header.hpp).
enum class ProxyProtocol : std::uint8_t { off, accept, require };
constexpr std::array<std::pair<std::string_view, ProxyProtocol>, 3> names_of(ProxyProtocol) {
    return {{{"off", ProxyProtocol::off},
             {"accept", ProxyProtocol::accept},
             {"require", ProxyProtocol::require}}};
}

struct ListenOptions {
    std::string host = "0.0.0.0";
    std::uint16_t port = 3000;
    ProxyProtocol proxy_protocol = ProxyProtocol::off;
};

template <class Visitor>
void fields(Visitor& field, ListenOptions& o) {
    using namespace config;
    field("host", o.host, Env{"HOST"}, Check{check_listen_host, ""}, AtStart{}, OwnOfEach{},
          "address for clients");
    field("port", o.port, Env{"PORT"}, Range{0, 65535}, AtStart{}, OwnOfEach{},
          "port for clients; 0 takes a free one and logs it");
    field("proxy_protocol", o.proxy_protocol,
          "whether load balancers among `trusted_proxies` say by a PROXY header (version 1 or 2) "
          "who the client is, on this port and on that for TLS; `accept`: they may; `require`: all "
          "connections begin with one, and others are ended");
}

struct AdminOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9300;
    std::string token;         // empty: the admin API is off
    std::string viewer_token;  // empty: there is none
};

template <class Visitor>
void fields(Visitor& field, AdminOptions& o) {
    using namespace config;
    field("host", o.host, Env{"ADMIN_HOST"}, Check{check_listen_host, ""}, AtStart{}, OwnOfEach{},
          "address for operators: metrics, health, admin API");
    field("port", o.port, Env{"ADMIN_PORT"}, Range{0, 65535}, AtStart{}, OwnOfEach{},
          "port for operators; 0 takes a free one and logs it");
    field("token", o.token, Env{"ADMIN_TOKEN"}, Secret{}, Check{check_token, "^[!-~]*$"},
          "bearer token of the admin API, which is off without one");
    field("viewer_token", o.viewer_token, Env{"ADMIN_VIEWER_TOKEN"}, Secret{},
          Check{check_token, "^[!-~]*$"},
          "bearer token with which one may look, and change nothing");
}

struct ConnectionOptions {
    std::uint64_t connections_max = 0;
    Millis head_timeout{10'000};
    Millis idle_timeout{75'000};
    Millis body_stall{20'000};
    std::uint64_t body_rate_min_bytes_per_s = 256;
    Millis body_rate_grace{10'000};
    Millis lingering_close{2'000};
    std::uint64_t requests_per_connection_max = 0;
};

template <class Visitor>
void fields(Visitor& field, ConnectionOptions& o) {
    using namespace config;
    field("connections_max", o.connections_max, Range{0, 10'000'000}, AtStart{},
          "most client connections at once; 0 is half of what the limit on open files leaves: the "
          "other half is for connections to services");
    field("head_timeout_ms", o.head_timeout, Range{100, 600'000},
          "time a client has to send the head of a request");
    field("idle_timeout_ms", o.idle_timeout, Range{100, 3'600'000},
          "time a connection may wait for its next request");
    field("body_stall_ms", o.body_stall, Range{100, 600'000},
          "time without a single byte after which a client that sends or reads a body is cut");
    field("body_rate_min_bytes_per_s", o.body_rate_min_bytes_per_s, Range{0, 1'000'000'000},
          "slowest average a client may send or read a body at; 0 allows any");
    field("body_rate_grace_ms", o.body_rate_grace, Range{0, 600'000},
          "time at the beginning of a body during which its rate is not judged");
    field("lingering_close_ms", o.lingering_close, Range{0, 60'000},
          "time during which unread input is thrown away so that a final answer arrives");
    field("requests_per_connection_max", o.requests_per_connection_max, Range{0, 1'000'000'000},
          "requests after which a connection is closed politely; 0 is no limit");
}

}  // namespace gw::net
