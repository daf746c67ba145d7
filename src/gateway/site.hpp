// What configuration makes of the gateway: routes, services, limits. Built once per configuration
// by the control thread, then immutable and shared by all workers; a request keeps the one that it
// began with.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "gateway/edge.hpp"
#include "gateway/route_table.hpp"
#include "http/field_lines.hpp"
#include "http/h1_server.hpp"
#include "http/h2_session.hpp"
#include "identity/api_key.hpp"
#include "identity/verifier.hpp"
#include "limits/policy.hpp"
#include "security/signing_options.hpp"
#include "upstream/service_options.hpp"

namespace gw::gateway {

struct ServiceEntry {
    std::string name;
    std::string authority;  // host:port, as requests to it say
    std::string host;       // a name or an address
    upstream::ServiceOptions options;
    http::FieldLines fields{};  // of every request to it
};

struct Site {
    Site(std::vector<std::unique_ptr<Route>> routes_, std::vector<ServiceEntry> services_)
        : routes(std::move(routes_)), services(std::move(services_)) {
        for (ServiceEntry& service : services) {
            service.fields = {{"Host", service.authority}, {"X-Gateway-Forwarded", "true"}};
        }
    }
    void name_in_via(const std::string& name) {
        via = name;
        for (std::size_t i = 0; i < http::kProtocols; ++i) {
            const auto version = http::protocol_version(static_cast<http::Protocol>(i));
            via_fields[i] = {{"Via", std::string(version) + ' ' + name}};
        }
    }

    RouteTable routes;
    std::vector<ServiceEntry> services;  // Route::service_index points here
    std::vector<Cidr> trusted_proxies;
    net::ProxyProtocol proxy_protocol = net::ProxyProtocol::off;
    std::string via;  // our name in Via: how a loop is recognised
    std::array<http::FieldLines, http::kProtocols> via_fields;  // of requests that came by it
    std::string instance_id;
    security::SigningOptions signing;
    identity::TokenChecks token_checks;
    identity::ApiKeys api_keys;
    bool rate_limited = false;
    std::vector<std::unique_ptr<limits::Policy>> policies;
    // Whose share of a crowded service is not 1. By tenant id.
    std::map<std::string, std::uint32_t, std::less<>> tenant_weights;
    std::uint32_t tokens_cached = 0;  // by each worker
    http::H1ServerLimits limits;
    std::shared_ptr<const net::TlsContexts> tls;  // null: off
    Millis tls_handshake_timeout{0};
    bool client_certificates = false;             // some clients show one
    std::uint16_t redirect_port = 0;              // to which plain HTTP is sent; 0: it is served
    std::string hsts;                             // "" when TLS is off
    std::unique_ptr<const Edge> edge;             // null: nothing of it is configured
    std::uint32_t log_success_share = 1'000'000;  // of requests that went well, in millionths
    bool traced = false;                          // some requests are
    std::uint32_t trace_share = 0;  // of those whose clients have not decided, in millionths
    bool server_timing = false;
    bool http2 = true;
    http::H2Limits h2_limits;
    std::uint64_t generation = 0;  // counts from 1 with every configuration that was adopted
    std::string hash;              // of the configuration in force
    std::string log_origin;        // what lines of the log say of this process
    // Of the files, and of what else decides the answers: whom the environment makes services and
    // issuer.
    std::string answers_hash;
};

}  // namespace gw::gateway
