// The whole configuration: the section of each owner in one struct, immutable once loaded and then
// read by any thread. Reloading makes a new one.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "config/environment.hpp"
#include "config/field.hpp"
#include "config/in_force.hpp"
#include "config/mistake.hpp"
#include "control/sign_in_options.hpp"
#include "control/trace_options.hpp"
#include "gateway/cache_options.hpp"
#include "gateway/cors_options.hpp"
#include "gateway/overload_options.hpp"
#include "gateway/route_options.hpp"
#include "gateway/security_headers.hpp"
#include "http/h2_options.hpp"
#include "http/limits_options.hpp"
#include "identity/api_key.hpp"
#include "identity/token_options.hpp"
#include "limits/policy.hpp"
#include "net/dns_options.hpp"
#include "net/listen_options.hpp"
#include "net/tls_contexts.hpp"
#include "observe/log_level.hpp"
#include "security/audit_options.hpp"
#include "security/signing_options.hpp"
#include "security/watch_options.hpp"
#include "state/maintenance.hpp"
#include "state/state_options.hpp"
#include "upstream/breaker_options.hpp"
#include "upstream/service_options.hpp"

namespace gw::app {

struct ShutdownOptions {
    Millis drain{5'000};     // 0: listeners close at once
    Millis timeout{25'000};  // from the signal on; at least `drain`
};

template <class Visitor>
void fields(Visitor& field, ShutdownOptions& o) {
    using namespace config;
    field("drain_ms", o.drain, Env{"SHUTDOWN_DRAIN_MS"}, Range{0, 600'000},
          "after SIGTERM: time during which new connections are still served while readiness "
          "already says no");
    field("timeout_ms", o.timeout, Range{0, 3'600'000},
          "after SIGTERM: time after which requests that are still running are cut (503 `draining` "
          "for those that have no answer yet); at least `drain_ms`");
}

struct Settings {
    net::ListenOptions listen;
    net::TlsOptions tls;
    net::AdminOptions admin;
    control::SignInOptions admin_sign_in;
    net::ConnectionOptions connections;
    http::MessageOptions messages;
    http::H2Options http2;
    std::uint32_t workers = 0;  // 0: one for each CPU that the process may use
    observe::LogLevel log_level = observe::LogLevel::info;
    control::SampleShare log_success_share{.millionths = 1'000'000};
    std::string region;
    std::string zone;
    std::string instance_id;  // never empty once loaded
    bool drill_target = false;
    ShutdownOptions shutdown;
    std::vector<Cidr> trusted_proxies;
    Millis request_timeout{10'000};  // of routes that set none
    Millis payment_timeout{0};       // of all routes of payment-service; 0: the routes' own
    std::uint64_t body_bytes_max = 10'485'760;
    net::DnsOptions dns;
    identity::TokenOptions tokens;
    std::map<std::string, identity::ApiKeyOptions> api_keys;
    security::SigningOptions signing;
    security::WatchOptions watch;
    security::AuditOptions audit;
    state::StateOptions state;
    limits::LimitsOptions limits;
    gateway::CacheSizeOptions cache;
    state::MaintenanceOptions maintenance;
    gateway::CorsOptions cors;
    gateway::SecurityHeaderOptions security_headers;
    upstream::BreakerOptions breaker;
    gateway::OverloadOptions overload;
    control::TraceOptions tracing;
    std::map<std::string, upstream::ServiceOptions> services;
    // Timeouts and body limits are resolved, never zero, once loaded; of routes that share a path,
    // those come first that are tried first.
    std::vector<gateway::RouteOptions> routes;

    // Set by load_settings.
    std::shared_ptr<const net::TlsContexts> tls_contexts;  // null: TLS is off
    std::shared_ptr<const net::TlsClient> key_set_tls;  // null: the key set is read in plain HTTP
    std::shared_ptr<const net::TlsClient> sign_in_tls;  // the same of the operators' issuer
    std::string source;                                 // the file
    std::string text;                                   // what it held
    std::string beside;                                 // what files held that it names
    config::InForce in_force;                           // what all of it comes to
    config::Environment::Values variables;              // what the folder of VARIABLES_DIR held
    config::SecretFiles secret_files;
};

template <class Visitor>
void fields(Visitor& field, Settings& o) {
    using namespace config;
    field("listen", o.listen, "where clients connect");
    field("tls", o.tls, "TLS towards clients");
    field("admin", o.admin, "where operators connect");
    field("admin_sign_in", o.admin_sign_in,
          "operators who prove who they are by a token of their own issuer (OpenID Connect)");
    field("connections", o.connections, "limits on the connections of clients");
    field("messages", o.messages, "limits on the heads of messages");
    field("http2", o.http2, "HTTP/2 of clients");
    field("workers", o.workers, Env{"WORKERS"}, Range{0, 256}, AtStart{},
          "threads that serve; 0 is one for each CPU the process may use");
    field("log_level", o.log_level, Env{"LOG_LEVEL"},
          "least severe level that is logged; lines of requests are INFO, of those with 5xx ERROR");
    field(
        "log_success_share", o.log_success_share, Env{"LOG_SUCCESS_SHARE"},
        "which part of the requests that went well (below 400, nothing to say of them) get a line "
        "in the log; all others do always");
    field(
        "region", o.region, Env{"REGION"}, OwnOfEach{},
        "region of this deployment: on every line of the log, in `gateway_info`, in traces and in "
        "`/health`");
    field("zone", o.zone, Env{"ZONE"}, OwnOfEach{},
          "where this process stands: endpoints of the same `zone` are asked first");
    field("instance_id", o.instance_id, Env{"INSTANCE_ID"}, OwnOfEach{},
          "name of this process, where `region` is; default: the host's name");
    field("drill_target", o.drill_target, Env{"DRILL_TARGET"},
          "this is no production: `api-gateway drill` may play incidents here");
    field("shutdown", o.shutdown, "how the process stops");
    field("trusted_proxies", o.trusted_proxies, Env{"TRUSTED_PROXIES"},
          "addresses and blocks whose `X-Forwarded-For` is believed");
    field(
        "request_timeout_ms", o.request_timeout, Env{"TIMEOUT_DEFAULT"}, Range{1, 3'600'000},
        "`timeout_ms` of routes that set none: time for the answer's head, then the longest pause "
        "in its body");
    field(
        "payment_timeout_ms", o.payment_timeout, Env{"TIMEOUT_PAYMENT"}, Range{0, 3'600'000},
        "`timeout_ms` of every route of `payment-service`, whatever the route says; 0 leaves it to "
        "the routes");
    field("body_bytes_max", o.body_bytes_max, Env{"MAX_REQUEST_SIZE"}, Range{1, 1'099'511'627'776},
          "largest request body on routes that set none");
    field("dns", o.dns, "how names of services are resolved");
    field("tokens", o.tokens, "how callers prove who they are");
    field("api_keys", o.api_keys, Check{identity::check_api_key_name, "^[a-z0-9-]{1,64}$"},
          "machines that prove who they are by `X-API-Key`, by name; services see the user "
          "`api-key:<name>`");
    field("watch", o.watch, "how attacks on authentication are noticed");
    field("audit", o.audit, "the record of security events");
    field("signing", o.signing, "proof for services that a request came through the gateway");
    field("state", o.state, "bans, revocations and what else gateways share");
    field("limits", o.limits, "how often somebody may ask");
    field("maintenance", o.maintenance, "when the platform is closed, or only read, by plan");
    field("cache", o.cache, "answers that are kept for routes with a `cache` section");
    field("cors", o.cors, "which pages of other origins may read answers");
    field("security_headers", o.security_headers,
          "headers that tell browsers to be careful, on every answer");
    field("circuit_breaker", o.breaker, "when a service that fails is no longer asked");
    field("overload", o.overload, "what becomes of requests when there are too many");
    field("tracing", o.tracing, "where traces of requests are sent");
    field("services", o.services, Check{upstream::check_service_name, "^[a-z][a-z0-9-]{0,63}$"},
          "the services behind the gateway, by name");
    field("routes", o.routes, "which requests go to which service");
}

using LoadedSettings = std::expected<std::shared_ptr<const Settings>, std::vector<config::Mistake>>;

// A gateway that is to run with them needs keys as well, which a look at the file does not; one
// that runs already waits for nobody who would have to write into a pipe.
enum class Purpose : std::uint8_t { look, start, reload };

// Reads and checks all of it, and the files that it names. Either everything is right, or all
// mistakes come at once, sorted by place; a file that cannot be read is a mistake too. Blocks on
// files: while starting and reloading, never on a worker.
LoadedSettings load_settings(const std::string& path, const config::Environment& environment,
                             Purpose purpose = Purpose::look);

// What is missing where Settings::tokens has no keys: without one nobody could be let in.
config::Mistake no_keys(const std::string& path);

}  // namespace gw::app
