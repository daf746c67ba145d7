// What an operator may set about a service: where it is, and how connections to it are kept.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::upstream {

// http://host:port, nothing else: paths are the routes' business, and credentials do not belong
// here.
struct ServiceUrl {
    std::string host;  // a name, or an IP address without brackets
    std::uint16_t port = 80;

    static constexpr std::string_view kPattern =
        R"(^http://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$)";
    static std::expected<ServiceUrl, config::Flaw> parse(std::string_view text);
    // "" when nothing is set.
    [[nodiscard]] std::string to_string() const;
    // "host:port" as a Host header names it.
    [[nodiscard]] std::string authority() const;

    bool operator==(const ServiceUrl&) const = default;
};

struct ServiceOptions {
    ServiceUrl url;
    Millis timeout{0};
    Millis connect_timeout{1'000};
    Millis idle_timeout{4'000};
    Millis age_max{300'000};
    std::uint32_t idle_connections_max = 64;
    std::uint32_t connections_max = 1'024;
    std::uint32_t retries_max = 2;
};

template <class Visitor>
void fields(Visitor& field, ServiceOptions& o) {
    using namespace config;
    field("url", o.url, Required{}, Env{"<NAME>_SERVICE_URL"},
          "where it listens: `http://host:port`; every address of the name is used");
    field("timeout_ms", o.timeout, Range{0, 3'600'000},
          "time for a whole request on routes to it that set none; 0 is `request_timeout_ms`");
    field("connect_timeout_ms", o.connect_timeout, Range{10, 60'000},
          "time for a new connection to be accepted");
    field("idle_timeout_ms", o.idle_timeout, Range{0, 600'000},
          "time a pooled connection may lie unused; keep it below what the service itself allows "
          "(Node.js: 5000)");
    field("age_max_ms", o.age_max, Range{0, 86'400'000},
          "age at which a connection is closed when it is next free; 0 is no limit");
    field("idle_connections_max", o.idle_connections_max, Range{0, 100'000},
          "most unused connections that each worker keeps");
    field("connections_max", o.connections_max, Range{1, 100'000},
          "most connections of each worker; requests beyond it are refused with 503");
    field("retries_max", o.retries_max, Range{0, 5},
          "how often a request is sent again when it certainly did not reach the service: "
          "no connection, or a pooled one that had been closed");
}

// Names of services are labels of metrics and parts of variable names.
std::optional<config::Flaw> check_service_name(std::string_view name);

}  // namespace gw::upstream
