// What an operator may set about a service: where it is, and how connections to it are kept.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/field.hpp"
#include "net/tls_client.hpp"
#include "upstream/balancer.hpp"
#include "upstream/breaker_options.hpp"
#include "upstream/bulkhead_options.hpp"
#include "upstream/health.hpp"
#include "upstream/retry.hpp"

namespace gw::upstream {

// http://host:port or https://host:port, nothing else: paths are the routes' business, and
// credentials do not belong here.
struct ServiceUrl {
    std::string host;  // a name, or an IP address without brackets
    std::uint16_t port = 80;
    bool tls = false;

    static constexpr std::string_view kPattern =
        R"(^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$)";
    static std::expected<ServiceUrl, config::Flaw> parse(std::string_view text);
    // "" when nothing is set.
    [[nodiscard]] std::string to_string() const;
    // "host:port" as a Host header names it.
    [[nodiscard]] std::string authority() const;

    bool operator==(const ServiceUrl&) const = default;
};

// One of several places where a service listens.
struct EndpointOptions {
    ServiceUrl url;
    std::uint32_t weight = 1;
    std::string zone;
};

template <class Visitor>
void fields(Visitor& field, EndpointOptions& o) {
    using namespace config;
    field("url", o.url, Required{},
          "where it listens: `http://host:port` or `https://host:port`; every address of the name "
          "is an endpoint");
    field("weight", o.weight, Range{0, 1'000},
          "how much it gets beside the others; 0: nothing. Not for `round_robin`");
    field("zone", o.zone, "where it stands; compared with our own `zone`");
}

enum class ServiceProtocol : std::uint8_t { h1, h2 };

constexpr std::array<std::pair<std::string_view, ServiceProtocol>, 2> names_of(ServiceProtocol) {
    return {{{"h1", ServiceProtocol::h1}, {"h2", ServiceProtocol::h2}}};
}

struct ServiceOptions {
    ServiceUrl url;
    std::vector<EndpointOptions> endpoints;
    ServiceProtocol protocol = ServiceProtocol::h1;
    bool withhold_token = false;
    Millis timeout{0};
    Millis connect_timeout{1'000};
    Millis idle_timeout{4'000};
    Millis age_max{300'000};
    std::uint32_t idle_connections_max = 256;
    std::uint32_t connections_max = 1'024;
    BalancerOptions balance;
    HealthOptions health;
    CheckOptions check;
    RetryOptions retry;
    ServiceBreakerOptions breaker;
    BulkheadOptions bulkhead;
    net::TlsClientOptions tls;

    // Set while loading, of services that are spoken to in TLS.
    std::shared_ptr<const net::TlsClient> tls_client;

    // What requests to it name as their host.
    [[nodiscard]] const ServiceUrl& named() const {
        return endpoints.empty() ? url : endpoints.front().url;
    }
};

template <class Visitor>
void fields(Visitor& field, ServiceOptions& o) {
    using namespace config;
    field("url", o.url, Env{"<NAME>_SERVICE_URL"},
          "where it listens: `http://host:port` or `https://host:port`; every address of the name "
          "is used. Required "
          "unless `endpoints` are listed");
    field("endpoints", o.endpoints,
          "the places where it listens, instead of `url`; requests name the first as their host");
    field("protocol", o.protocol,
          "what it speaks: HTTP/1.1, or `h2`, HTTP/2 without TLS and without being asked (gRPC)");
    field("withhold_token", o.withhold_token,
          "requests whose token the gateway has verified go to it without `Authorization`: the "
          "fields that the gateway sets say who asks. For services that verify "
          "`X-Internal-Signature` "
          "in place of the token, and so can lose none; needs INTERNAL_HMAC_SECRET");
    field("timeout_ms", o.timeout, Range{0, 3'600'000},
          "`timeout_ms` of routes to it that set none; 0 is `request_timeout_ms`");
    field("connect_timeout_ms", o.connect_timeout, Range{10, 60'000},
          "time for a new connection to be accepted");
    field("idle_timeout_ms", o.idle_timeout, Range{0, 600'000},
          "time a pooled connection may lie unused; keep it below what the service itself allows "
          "(Node.js: 5000)");
    field("age_max_ms", o.age_max, Range{0, 86'400'000},
          "age at which a connection is closed when it is next free (with `h2`: takes no more "
          "requests, and ends with the last); 0 is no limit");
    field("idle_connections_max", o.idle_connections_max, Range{0, 100'000},
          "most unused connections that each worker keeps");
    field("connections_max", o.connections_max, Range{1, 100'000},
          "most connections of each worker (with `h2`: requests at once); requests beyond it are "
          "refused with 503");
    field("balance", o.balance, "which endpoint serves a request");
    field("health", o.health, "which endpoints are left out, by how their requests fare");
    field("check", o.check, "asks endpoints how they are, from the gateway as a whole");
    field("retry", o.retry, "when a request is sent again");
    field("circuit_breaker", o.breaker, "when it is no longer asked, where it differs from others");
    field("bulkhead", o.bulkhead, "how many requests it is sent at once, and who waits");
    field("tls", o.tls, "TLS to it, where its `url` or its `endpoints` begin with `https://`");
}

// Names of services are labels of metrics and parts of variable names.
std::optional<config::Flaw> check_service_name(std::string_view name);

}  // namespace gw::upstream
