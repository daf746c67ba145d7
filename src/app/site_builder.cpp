#include "app/site_builder.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "app/config_hash.hpp"
#include "base/ensure.hpp"
#include "base/version.hpp"
#include "gateway/aggregate_options.hpp"
#include "gateway/canary_options.hpp"
#include "gateway/mirror_options.hpp"
#include "gateway/rate_limit_options.hpp"
#include "gateway/websocket_options.hpp"
#include "observe/json_line.hpp"
#include "observe/log.hpp"

namespace gw::app {
namespace {

using gateway::PathPattern;
using gateway::Route;

std::uint16_t methods_of(const gateway::RouteOptions& options) {
    std::uint16_t methods = 0;
    for (const http::Method method : options.methods) {
        methods = static_cast<std::uint16_t>(methods | gateway::method_bit(method));
    }
    if ((methods & gateway::method_bit(http::Method::get)) != 0) {
        // Whoever answers GET answers HEAD (RFC 9110, 9.3.2).
        methods = static_cast<std::uint16_t>(methods | gateway::method_bit(http::Method::head));
    }
    return methods;
}

int parameter_index(const PathPattern& path, std::string_view name) {
    int index = 0;
    for (const PathPattern::Segment& segment : path.segments) {
        if (segment.parameter) {
            if (segment.text == name) {
                return index;
            }
            ++index;
        }
    }
    return -1;
}

// "/a/{id}/b" becomes "/a/" + {id}, "/b".
std::vector<Route::Piece> pieces_of(const gateway::RouteOptions& options) {
    std::vector<Route::Piece> pieces;
    std::string literal;
    const auto target = PathPattern::parse(options.rewrite);
    for (const PathPattern::Segment& segment : target->segments) {
        literal += '/';
        if (segment.parameter) {
            pieces.push_back({std::move(literal), parameter_index(options.path, segment.text)});
            literal.clear();
        } else {
            literal += segment.text;
        }
    }
    if (!literal.empty() || pieces.empty()) {
        pieces.push_back({literal.empty() ? "/" : std::move(literal), -1});
    }
    return pieces;
}

using ServiceIndex = std::map<std::string_view, std::size_t>;

// The other services that its stages name.
void add_services(Route& route, const ServiceIndex& index) {
    if (const auto* const canary = gateway::canary_of(route.options)) {
        for (const gateway::CanaryVersion& version : canary->versions) {
            route.canaries.push_back(index.at(version.service));
        }
    }
    if (const auto* const mirror = gateway::mirror_of(route.options)) {
        route.mirror = index.at(mirror->service);
    }
    if (const auto* const aggregate = gateway::aggregate_of(route.options)) {
        for (const gateway::AggregateOptions::Part& part : aggregate->list) {
            route.part_services.push_back(index.at(part.options.service));
        }
    }
}

std::unique_ptr<Route> build_route(const gateway::RouteOptions& options,
                                   const ServiceIndex& index) {
    auto route = std::make_unique<Route>();
    route->name = options.name;
    route->path = options.path.to_string();
    route->methods = methods_of(options);
    route->hosts = options.hosts;
    route->service = options.service;
    route->service_index =
        options.service.empty() ? gateway::kNoService : index.at(options.service);
    route->timeout = options.timeout;
    route->body_max = options.body_bytes_max;
    route->hedge_after = options.hedge_after;
    route->priority = options.priority;
    route->stream_idle_timeout = options.stream_idle_timeout;
    route->prefix = options.path.prefix;
    for (const PathPattern::Segment& segment : options.path.segments) {
        if (segment.parameter) {
            route->parameters.push_back(segment.text);
        }
    }
    route->same_path = options.rewrite.empty();
    if (!route->same_path) {
        route->rewrite = pieces_of(options);
    }
    route->options = options.stage_options;
    add_services(*route, index);
    return route;
}

// Which policies a route's requests count under, and what their keys want of bodies.
void add_policies(Route& route, const gateway::Site& site) {
    for (const std::string& name : gateway::rate_limit_of(route.options)->policies) {
        const auto policy = std::ranges::find_if(
            site.policies, [&](const auto& each) { return each->name() == name; });
        if (!(*policy)->enabled()) {
            continue;
        }
        route.policies.push_back(policy->get());
        for (const limits::KeyPart& part : (*policy)->key()) {
            if (part.of == limits::KeyPart::Of::parameter &&
                std::ranges::find(route.parameters, part.parameter) == route.parameters.end() &&
                std::ranges::find(route.body_parameters, part.parameter) ==
                    route.body_parameters.end() &&
                route.body_parameters.size() < Route::kBodyParametersMax) {
                route.body_parameters.push_back(part.parameter);
            }
        }
    }
}

// Who gives the answers and who says whose they are. Gateways that agree in these and in their
// files give the same; where each of them runs is no part of it.
std::string answered_by(const Settings& settings) {
    std::string text = settings.tokens.issuer + '\n' + settings.tokens.audience + '\n' +
                       settings.tokens.key_set_url + '\n';
    for (const auto& [name, options] : settings.services) {
        text += name + '=' + options.url.to_string();
        for (const upstream::EndpointOptions& endpoint : options.endpoints) {
            text += ',' + endpoint.url.to_string();
        }
        text += '\n';
    }
    return text;
}

http::H1ServerLimits limits_of(const Settings& settings) {
    const net::ConnectionOptions& c = settings.connections;
    http::H1ServerLimits limits;
    limits.message = {.request_line_max = settings.messages.request_line_bytes_max,
                      .head_max = settings.messages.head_bytes_max};
    limits.head_timeout = c.head_timeout;
    limits.idle_timeout = c.idle_timeout;
    limits.lingering_close = c.lingering_close;
    limits.requests_max = c.requests_per_connection_max;
    limits.pace = {.stall = c.body_stall,
                   .stretch = c.body_rate_grace,
                   .bytes_per_second = c.body_rate_min_bytes_per_s};
    return limits;
}

// "max 100000" or "200000 100000" (cgroup v2): CPUs, rounded up; nothing if unlimited.
std::optional<std::size_t> cgroup_cpus() {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    double quota = 0;
    double period = 0;
    if (!(file >> quota >> period) || quota <= 0 || period <= 0) {
        return std::nullopt;
    }
    return static_cast<std::size_t>((quota + period - 1) / period);
}

std::vector<identity::Key> keys_of(const identity::TokenOptions& options) {
    std::vector<identity::SkippedKey> skipped;
    std::vector<identity::Key> keys = identity::configured_keys(options, skipped);
    ensure(skipped.empty(), "settings with a broken key are no settings");
    return keys;
}

}  // namespace

std::shared_ptr<const gateway::Site> build_site(const Settings& settings,
                                                const limits::LimitsOptions& limits,
                                                std::uint64_t generation) {
    std::vector<gateway::ServiceEntry> services;
    ServiceIndex index;
    for (const auto& [name, options] : settings.services) {
        index.emplace(name, services.size());
        services.push_back({name, options.named().authority(), options.named().host, options});
    }
    std::vector<std::unique_ptr<Route>> routes;
    routes.reserve(settings.routes.size());
    for (const gateway::RouteOptions& options : settings.routes) {
        routes.push_back(build_route(options, index));
    }
    std::vector<Route*> limited;
    limited.reserve(routes.size());
    for (const auto& route : routes) {
        limited.push_back(route.get());
    }
    auto site = std::make_shared<gateway::Site>(std::move(routes), std::move(services));
    site->rate_limited = limits.enabled;
    limits.each_policy([&](const std::string& name, const limits::PolicyOptions& policy) {
        site->policies.push_back(std::make_unique<limits::Policy>(name, policy));
    });
    for (Route* const route : limited) {
        add_policies(*route, *site);
    }
    site->trusted_proxies = settings.trusted_proxies;
    site->proxy_protocol = settings.listen.proxy_protocol;
    site->instance_id = settings.instance_id;
    site->log_origin = observe::origin_members(settings.region, settings.instance_id);
    site->signing = settings.signing;
    site->token_checks = {.issuer = settings.tokens.issuer,
                          .audience = settings.tokens.audience,
                          .leeway = std::chrono::seconds(settings.tokens.clock_skew_s),
                          .longest_life = settings.tokens.longest_life.value};
    site->api_keys = identity::ApiKeys(settings.api_keys);
    site->tokens_cached = settings.tokens.cached_per_worker;
    // A name of our own, so that a request that comes back is recognised, without telling the
    // host's name.
    site->name_in_via("gw-" + hash_of(settings.instance_id).substr(0, 8));
    site->limits = limits_of(settings);
    for (const auto& [name, share] : settings.overload.shares) {
        for (const std::string& tenant : share.tenants) {
            site->tenant_weights.emplace(tenant, share.weight);
        }
    }
    site->tls = settings.tls_contexts;
    site->client_certificates = settings.tls.client_verify != net::ClientVerify::off;
    site->tls_handshake_timeout = settings.tls.handshake_timeout;
    if (settings.tls.configured()) {
        site->redirect_port = settings.tls.redirect_port;
        site->hsts = settings.tls.hsts;
    }
    site->traced = settings.tracing.endpoint.set();
    site->log_success_share = settings.log_success_share.millionths;
    site->trace_share = settings.tracing.share.millionths;
    site->server_timing = settings.tracing.server_timing;
    if (gateway::SecurityHeaders security(settings.security_headers);
        !settings.cors.origins.empty() || !security.empty()) {
        site->edge = std::make_unique<const gateway::Edge>(
            settings.cors.origins.empty() ? std::nullopt
                                          : std::optional<gateway::Cors>(settings.cors),
            std::move(security));
    }
    site->http2 = settings.http2.enabled;
    site->h2_limits = {
        .streams_max = settings.http2.streams_max,
        .stream_window = settings.http2.stream_window_bytes,
        .connection_window = settings.http2.connection_window_bytes,
        .header_list_max = static_cast<std::uint32_t>(settings.messages.head_bytes_max),
        .extended_connect = std::ranges::any_of(settings.routes, [](const auto& route) {
            return gateway::websocket_of(route.stage_options) != nullptr;
        })};
    site->generation = generation;
    site->hash = config_hash(settings);
    site->answers_hash = hash_of(settings.text + settings.beside + answered_by(settings));
    return site;
}

std::expected<LoadedSite, std::vector<config::Mistake>> load_site(
    const std::string& path, const config::Environment& environment, std::uint64_t generation) {
    LoadedSettings settings =
        load_settings(path, environment, generation == 1 ? Purpose::start : Purpose::reload);
    if (!settings) {
        return std::unexpected(std::move(settings.error()));
    }
    std::vector<identity::Key> keys = keys_of((*settings)->tokens);
    std::shared_ptr<const gateway::Site> site =
        build_site(**settings, (*settings)->limits, generation);
    return LoadedSite{std::move(*settings), std::move(site), std::move(keys)};
}

std::vector<control::NamedService> names_of(const Settings& settings) {
    std::vector<control::NamedService> names;
    names.reserve(settings.services.size());
    for (const auto& [name, options] : settings.services) {
        if (options.endpoints.empty()) {
            names.push_back({.service = name, .host = options.url.host, .port = options.url.port});
        }
        for (const upstream::EndpointOptions& endpoint : options.endpoints) {
            names.push_back({.service = name,
                             .host = endpoint.url.host,
                             .port = endpoint.url.port,
                             .weight = endpoint.weight,
                             .in_zone = settings.zone.empty() || endpoint.zone == settings.zone});
        }
    }
    return names;
}

std::vector<control::CheckedService> checks_of(const Settings& settings) {
    std::vector<control::CheckedService> services;
    services.reserve(settings.services.size());
    for (const auto& [name, options] : settings.services) {
        services.push_back({.name = name,
                            .named = options.named(),
                            .options = options.check,
                            .tls = options.tls_client,
                            .h2 = options.protocol == upstream::ServiceProtocol::h2});
    }
    return services;
}

std::string health_body(const Settings& settings, const HealthFacts& facts) {
    std::string body;
    observe::JsonLine line(body);
    const bool whole = facts.store_available && facts.store_permits && facts.store_prompt;
    line.add_plain("status", facts.draining ? "draining" : whole ? "ok" : "degraded");
    line.add_plain("service", "api-gateway");
    line.add_plain("version", kVersion);
    line.add("instance", settings.instance_id);
    if (!settings.region.empty()) {
        line.add("region", settings.region);
    }
    body += R"(,"circuitBreakers":)";
    body += facts.circuit_breakers;
    body += R"(,"upstreams":)";
    body += facts.upstreams;
    body += R"(,"state":{"backend":")";
    body += facts.backend;
    body += R"(","status":")";
    body += !facts.store_available ? "down" : whole ? "ok" : "degraded";
    body += R"("})";
    line.add_plain("maintenance", state::name_of(facts.maintenance));
    if (!facts.services_in_maintenance.empty()) {
        std::string services;
        for (const state::Known::OfService& one : facts.services_in_maintenance) {
            services += services.empty() ? "{\"" : ",\"";
            services += std::string(one.service) + "\":\"";
            services += std::string(state::name_of(one.mode)) + "\"";
        }
        body += R"(,"maintenanceServices":)" + services + "}";
    }
    if (!facts.banner.empty()) {
        line.add("banner", facts.banner);
    }
    body += R"(,"uptime":)";
    return body;
}

std::size_t worker_count(const Settings& settings) {
    if (settings.workers != 0) {
        return settings.workers;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    std::size_t cpus = std::max(1U, std::thread::hardware_concurrency());
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        cpus = static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
    }
    return std::clamp<std::size_t>(cgroup_cpus().value_or(cpus), 1, cpus);
}

}  // namespace gw::app
