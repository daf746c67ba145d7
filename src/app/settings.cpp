#include "app/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "app/unknown_variables.hpp"
#include "config/reader.hpp"
#include "config/variable_folder.hpp"
#include "gateway/rate_limit_options.hpp"
#include "gateway/shaping_check.hpp"
#include "gateway/validate_options.hpp"
#include "gateway/websocket_options.hpp"
#include "identity/key_set.hpp"
#include "net/tls_tickets.hpp"

namespace gw::app {
namespace {

constexpr std::string_view kPaymentService = "payment-service";

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
        return "api-gateway";
    }
    return name.data();
}

void check_state(config::Reader& root, const Settings& s) {
    for (const std::string& url : s.state.peers) {
        if (auto place = state::place_of_peer(s.state.redis, url); !place) {
            root.section("state").blame("peers", "state.peers " + place.error().what,
                                        std::move(place.error().remedy));
        }
    }
    if (!s.state.redis.configured()) {
        return;
    }
    if (auto place = state::place_of(s.state.redis); !place) {
        root.section("state").blame("redis", "state.redis " + place.error().what,
                                    std::move(place.error().remedy));
    }
}

void check_listeners(config::Reader& root, const Settings& s) {
    if (s.listen.port != 0 && s.listen.port == s.admin.port) {
        root.section("admin").blame(
            "port", "admin.port and listen.port are both " + std::to_string(s.admin.port),
            "give each its own");
    }
    if (s.listen.proxy_protocol != net::ProxyProtocol::off && s.trusted_proxies.empty()) {
        root.section("listen").blame(
            "proxy_protocol", "listen.proxy_protocol is on, but nobody is trusted to say it",
            "list the load balancers' addresses in trusted_proxies (TRUSTED_PROXIES)");
    }
    if (s.shutdown.timeout < s.shutdown.drain) {
        root.section("shutdown")
            .blame("timeout_ms", "shutdown.timeout_ms is less than drain_ms",
                   "the drain is part of it: use at least " +
                       std::to_string(s.shutdown.drain.count()));
    }
    if (s.dns.ttl_max < s.dns.ttl_min) {
        root.section("dns").blame("ttl_max_ms", "dns.ttl_max_ms is less than ttl_min_ms",
                                  "use at least " + std::to_string(s.dns.ttl_min.count()));
    }
}

void check_places(config::Reader& root, const std::string& name,
                  const upstream::ServiceOptions& service) {
    const bool by_url = !service.url.host.empty();
    config::Reader reader = root.section("services").section(name);
    const std::string variable = config::variable_part(name) + "_SERVICE_URL";
    if (by_url && !service.endpoints.empty()) {
        reader.blame("endpoints", "services." + name + " has both url and endpoints",
                     "keep one of them; " + variable + " sets url as well");
    } else if (!by_url && !reader.gives("url") && !reader.gives("endpoints")) {
        reader.blame("url", "services." + name + ".url is missing", "write it or set " + variable);
    } else if (!by_url && !reader.gives("url") && service.endpoints.empty()) {
        reader.blame("endpoints", "services." + name + ".endpoints is empty", "list at least one");
    }
    for (const upstream::EndpointOptions& endpoint : service.endpoints) {
        if (endpoint.url.tls != service.named().tls) {
            reader.blame("endpoints",
                         "services." + name + ".endpoints are partly http:// and partly https://",
                         "make all of them one or the other");
            break;
        }
    }
}

// As with our own certificates: files that cannot be used are mistakes like any other.
std::shared_ptr<const net::TlsClient> load_tls_client(config::Reader reader,
                                                      const std::string& where,
                                                      const net::TlsClientOptions& options,
                                                      const std::string& host) {
    auto loaded = net::TlsClient::load(options, host);
    if (loaded) {
        return *std::move(loaded);
    }
    for (net::TlsClientFlaw& flaw : loaded.error()) {
        const std::string setting(flaw.setting);
        reader.blame(setting, where + setting + " " + flaw.flaw.what, std::move(flaw.flaw.remedy));
    }
    return nullptr;
}

// Of a section with `key_set_url` and `key_set_ca_file`: how its key set is read over TLS; null in
// plain HTTP.
std::shared_ptr<const net::TlsClient> check_key_set(config::Reader section, const std::string& name,
                                                    const std::string& url,
                                                    const std::string& ca_file) {
    if (url.empty()) {
        return nullptr;
    }
    const std::size_t host = url.find("://") + std::string_view("://").size();
    const auto server = upstream::ServiceUrl::parse(url.substr(0, url.find('/', host)));
    if (!server) {
        section.blame("key_set_url", name + ".key_set_url " + server.error().what,
                      "write the key set's URL: https://host:port/path");
        return nullptr;
    }
    if (!server->tls) {
        return nullptr;
    }
    net::TlsClientOptions options;
    options.ca_file = ca_file;
    auto loaded = net::TlsClient::load(options, server->host);
    if (loaded) {
        return *std::move(loaded);
    }
    for (net::TlsClientFlaw& flaw : loaded.error()) {
        section.blame("key_set_ca_file", name + ".key_set_ca_file " + flaw.flaw.what,
                      std::move(flaw.flaw.remedy));
    }
    return nullptr;
}

void check_key_sets(config::Reader& root, Settings& s) {
    s.key_set_tls = check_key_set(root.section("tokens"), "tokens", s.tokens.key_set_url,
                                  s.tokens.key_set_ca_file);
    const control::SignInOptions& sign_in = s.admin_sign_in;
    s.sign_in_tls = check_key_set(root.section("admin_sign_in"), "admin_sign_in",
                                  sign_in.key_set_url, sign_in.key_set_ca_file);
    for (auto& [name, flaw] : control::flaws_of(sign_in, !s.admin.token.empty())) {
        root.section("admin_sign_in")
            .blame(name, "admin_sign_in." + name + " " + flaw.what, std::move(flaw.remedy));
    }
}

// One that is broken must not be passed over in silence.
void check_keys(config::Reader& root, const Settings& s) {
    std::vector<identity::SkippedKey> skipped;
    identity::configured_keys(s.tokens, skipped);
    for (const identity::SkippedKey& key : skipped) {
        root.section("tokens").blame(key.name, "tokens." + key.name + " is not usable: " + key.why,
                                     "see what JWT_PUBLIC_KEY or its like holds");
    }
}

void check_overload(config::Reader& root, const Settings& s) {
    std::set<std::string> seen;
    for (const auto& [name, share] : s.overload.shares) {
        for (const std::string& tenant : share.tenants) {
            if (!seen.insert(tenant).second) {
                root.section("overload")
                    .section("shares")
                    .section(name)
                    .blame("tenants", "tenant " + config::quote(tenant) + " stands in two shares",
                           "leave it in one");
            }
        }
    }
}

// What is half said about clients' certificates would let in whoever was meant to stay out.
bool check_clients_of_tls(config::Reader& reader, const net::TlsOptions& tls) {
    const bool asks = tls.client_verify != net::ClientVerify::off;
    const bool named = !tls.client_ca_file.empty();
    if (!tls.ticket_secret.empty() && tls.ticket_secret.size() < net::TicketSealer::kSecretMin) {
        reader.blame("ticket_secret", "tls.ticket_secret is shorter than 32 characters",
                     "make one with `openssl rand -base64 48`");
    }
    if (!tls.ocsp_file.empty() && tls.cert_file.empty()) {
        reader.blame("ocsp_file", "tls.ocsp_file is set, but cert_file is not",
                     "set cert_file and key_file, or move it beside its certificate");
    }
    if (asks && !tls.configured()) {
        reader.blame("client_verify", "tls.client_verify is set, but there is no certificate",
                     "set cert_file and key_file, or remove client_verify");
    } else if (asks && !named) {
        reader.blame("client_ca_file", "tls.client_ca_file is not set, but client_verify is",
                     "name the file with the authorities whose certificates are believed");
    } else if (named && !asks) {
        reader.blame("client_verify",
                     "tls.client_ca_file is set, but client_verify is off: nobody is asked",
                     "set client_verify to require or request, or remove client_ca_file");
    }
    return !asks || named;
}

// Certificates are read here, so that a bad one is a mistake like any other.
void check_tls(config::Reader& root, Settings& s) {
    config::Reader reader = root.section("tls");
    if (!check_clients_of_tls(reader, s.tls) || !s.tls.configured()) {
        return;
    }
    if (s.tls.port != 0 && (s.tls.port == s.listen.port || s.tls.port == s.admin.port)) {
        reader.blame("port", "tls.port is another listener's port as well", "give each its own");
    }
    auto loaded =
        net::TlsContexts::load(s.tls, s.http2.enabled ? std::vector<std::string>{"h2", "http/1.1"}
                                                      : std::vector<std::string>{"http/1.1"});
    if (loaded) {
        s.tls_contexts = *std::move(loaded);
        return;
    }
    const std::size_t own = s.tls.all().size() - s.tls.certificates.size();
    for (net::TlsFlaw& flaw : loaded.error()) {
        const std::string setting(flaw.setting);
        if (flaw.index < own || flaw.index == net::TlsFlaw::kWhole) {
            reader.blame(setting, "tls." + setting + " " + flaw.flaw.what,
                         std::move(flaw.flaw.remedy));
        } else {
            reader.blame("certificates",
                         "tls.certificates[" + std::to_string(flaw.index - own) + "]." + setting +
                             " " + flaw.flaw.what,
                         std::move(flaw.flaw.remedy));
        }
    }
}

// Two services must not be overridden by one variable, as `auth` and `auth-service` would be.
void check_services(config::Reader& root, Settings& s) {
    constexpr std::string_view kSuffix = "-service";
    for (auto& [name, service] : s.services) {
        check_places(root, name, service);
        if (service.withhold_token && s.signing.secret.empty()) {
            root.section("services")
                .section(name)
                .blame("withhold_token",
                       "services." + name +
                           ".withhold_token is set, but INTERNAL_HMAC_SECRET is not: the service "
                           "could verify nothing",
                       "set INTERNAL_HMAC_SECRET, or let the service see tokens");
        }
        if (service.named().tls) {
            service.tls_client =
                load_tls_client(root.section("services").section(name).section("tls"),
                                "services." + name + ".tls.", service.tls, service.named().host);
            if (service.protocol == upstream::ServiceProtocol::h2) {
                root.section("services")
                    .section(name)
                    .blame("protocol",
                           "services." + name + " speaks h2 over TLS, which this version does not",
                           "remove `protocol: h2`, or write http://host:port");
            }
        }
        if (name.ends_with(kSuffix) &&
            s.services.contains(name.substr(0, name.size() - kSuffix.size()))) {
            root.section("services")
                .blame(name,
                       "services \"" + name + "\" and \"" +
                           name.substr(0, name.size() - kSuffix.size()) + "\" share one variable",
                       "rename one of them");
        }
    }
}

std::optional<config::Flaw> service_flaw(const Settings& s, std::string_view service) {
    if (s.services.contains(std::string(service))) {
        return std::nullopt;
    }
    std::vector<std::string_view> names;
    names.reserve(s.services.size());
    for (const auto& [name, options] : s.services) {
        names.push_back(name);
    }
    const std::string_view meant = config::nearest(service, names);
    return config::Flaw{"there is no service " + config::quote(service),
                        meant.empty() ? "describe it under `services`"
                                      : "did you mean " + std::string(meant) + "?"};
}

void check_service_of(gateway::RouteOptions& route, const Settings& s) {
    if (auto flaw = service_flaw(s, route.service); flaw && !route.service.empty()) {
        route.stages.blame("service", std::move(flaw->what), std::move(flaw->remedy));
    }
}

// A WebSocket is asked for over HTTP/1.1.
void check_websocket_of(gateway::RouteOptions& route, const Settings& s) {
    const auto service = s.services.find(route.service);
    if (gateway::websocket_of(route.stage_options) != nullptr && service != s.services.end() &&
        service->second.protocol == upstream::ServiceProtocol::h2) {
        route.stages.blame(
            "websocket",
            "takes WebSockets to a service that speaks HTTP/2, which are not forwarded",
            "remove `websocket`, or `protocol: h2` of the service");
    }
}

// A route for one operation takes the requests of that operation, so that its path's parameters are
// where the description has them.
void check_validation_of(gateway::RouteOptions& route) {
    const gateway::ValidateOptions* const options = gateway::validate_of(route.stage_options);
    if (options == nullptr || options->contract == nullptr || options->operation.empty()) {
        return;
    }
    const schema::Operation& operation = options->contract->operations().front();
    const auto described = gateway::PathPattern::parse(operation.path);
    if (!described || described->shape() != route.path.shape()) {
        route.stages.section("validate")
            .blame("operation",
                   "the operation " + config::quote(operation.id) + " has the path " +
                       config::quote(operation.path) + ", the route " +
                       config::quote(route.path.to_string()),
                   "let `path` and the description (with its `servers`) say the same, or leave "
                   "`operation` out");
    }
}

// Finds routes that no request could tell apart: the same paths, a common host and a common method.
// A route that lists hosts or methods goes before one that does not, so these two never collide.
class Overlaps {
  public:
    // The name of an earlier route that takes the same requests, or null.
    const std::string* add(const gateway::RouteOptions& route) {
        static const std::vector<std::string> kAnyHost{""};
        const std::string* other = nullptr;
        for (const std::string& host : route.hosts.empty() ? kAnyHost : route.hosts) {
            const std::string where = host + route.path.shape() + " ";
            if (route.methods.empty()) {
                other = claim(where, route, other);
            }
            for (const http::Method method : route.methods) {
                other = claim(where + std::string(http_name(method)), route, other);
            }
        }
        return other;
    }

  private:
    static std::string_view http_name(http::Method method) {
        for (const auto& [name, value] : names_of(method)) {
            if (value == method) {
                return name;
            }
        }
        return "";
    }
    const std::string* claim(std::string key, const gateway::RouteOptions& route,
                             const std::string* found) {
        const auto [owner, fresh] = owners_.emplace(std::move(key), &route.name);
        return found != nullptr || fresh || owner->second == &route.name ? found : owner->second;
    }

    std::unordered_map<std::string, const std::string*> owners_;
};

void check_policy(config::Reader reader, const std::string& name,
                  const limits::PolicyOptions& policy) {
    for (config::Flaw& flaw : limits::flaws_of(policy)) {
        reader.blame(name, "the policy " + config::quote(name) + " " + flaw.what,
                     std::move(flaw.remedy));
    }
}

void check_limits(config::Reader& root, const Settings& s) {
    config::Reader reader = root.section("limits");
    check_policy(reader, "general", s.limits.general);
    check_policy(reader, "tickets", s.limits.tickets);
    for (const auto& [name, policy] : s.limits.policies) {
        check_policy(reader.section("policies"), name, policy);
        if (name == "general" || name == "tickets") {
            reader.section("policies")
                .blame(name, "there is the policy " + config::quote(name) + " already",
                       "describe it under `limits." + name + "`, or name this one otherwise");
        }
    }
}

void check_maintenance(config::Reader& root, const Settings& s) {
    for (const auto& [name, window] : s.maintenance.windows) {
        for (const std::string& service : window.services) {
            if (!s.services.contains(service)) {
                root.section("maintenance")
                    .section("windows")
                    .section(name)
                    .blame("services", "there is no service " + config::quote(service),
                           "name services as they stand under `services`");
            }
        }
    }
}

void check_cors(config::Reader& root, const Settings& s) {
    if (auto flaw = gateway::flaw_of(s.cors)) {
        root.section("cors").blame("origins", "cors.origins " + flaw->what,
                                   std::move(flaw->remedy));
    }
}

void check_policies_of(gateway::RouteOptions& route, const Settings& s) {
    const gateway::RateLimitOptions* const options = gateway::rate_limit_of(route.stage_options);
    std::vector<std::string_view> names{"general", "tickets"};
    for (const auto& [name, policy] : s.limits.policies) {
        names.push_back(name);
    }
    for (const std::string& name : options->policies) {
        if (std::ranges::find(names, name) == names.end()) {
            const std::string_view meant = config::nearest(name, names);
            route.stages.section("rate_limit")
                .blame("policies", "there is no policy " + config::quote(name),
                       meant.empty() ? "describe it under `limits.policies`"
                                     : "did you mean " + config::quote(meant) + "?");
        }
    }
}

void check_routes(config::Reader& root, Settings& s) {
    if (s.routes.empty()) {
        root.blame("routes", "there are no routes", "describe at least one under `routes`");
    }
    std::unordered_map<std::string_view, bool> names;
    Overlaps overlaps;
    for (gateway::RouteOptions& route : s.routes) {
        check_service_of(route, s);
        if (auto flaw = check_rewrite(route)) {
            route.stages.blame("rewrite", "rewrite " + flaw->what, std::move(flaw->remedy));
        }
        if (!route.name.empty() && !names.emplace(route.name, true).second) {
            route.stages.blame("name", "there are two routes named " + config::quote(route.name),
                               "rename one of them");
        } else if (const std::string* other = overlaps.add(route)) {
            route.stages.blame("path",
                               "route " + config::quote(route.name) +
                                   " takes the same host, path and method as route " +
                                   config::quote(*other),
                               "remove one of them, or tell them apart by methods or hosts");
        }
        route.stage_options = gateway::read_stage_options(route.stages);
        check_policies_of(route, s);
        check_websocket_of(route, s);
        gateway::check_shaping(route,
                               [&s](std::string_view service) { return service_flaw(s, service); });
        check_validation_of(route);
        route.stages.finish();
    }
}

// By place; what two checks found alike stands once.
std::vector<config::Mistake> sorted(std::vector<config::Mistake> mistakes) {
    std::ranges::sort(mistakes, [](const auto& a, const auto& b) {
        if (a.place < b.place || b.place < a.place) {
            return a.place < b.place;
        }
        return std::tie(a.what, a.remedy) < std::tie(b.what, b.remedy);
    });
    const auto [first, last] =
        std::ranges::unique(mistakes, {}, [](const config::Mistake& m) { return m.to_string(); });
    mistakes.erase(first, last);
    return mistakes;
}

// From here on no reader of the settings needs to know what the defaults were.
void resolve(Settings& s) {
    if (s.instance_id.empty()) {
        s.instance_id = host_name();
    }
    std::ranges::sort(s.routes, gateway::goes_before);
    for (gateway::RouteOptions& route : s.routes) {
        if (route.service == kPaymentService && s.payment_timeout.count() > 0) {
            route.timeout = s.payment_timeout;
        }
        if (route.timeout.count() == 0 && !route.service.empty()) {
            route.timeout = s.services.at(route.service).timeout;
        }
        if (route.timeout.count() == 0) {
            route.timeout = s.request_timeout;
        }
        if (route.body_bytes_max == 0) {
            route.body_bytes_max = s.body_bytes_max;
        }
        route.stages = {};  // lets go of the document
    }
}

// Makes the environment of a reading: the folder's variables, and over them the process's own.
// Returns those of the folder.
config::Environment::Values read_folder(config::Reading& reading,
                                        const config::Environment& environment) {
    reading.environment = environment;
    auto found = config::read_variable_folder(environment);
    if (!found) {
        reading.blame_variable(config::kVariablesDir,
                               std::string(config::kVariablesDir) + " " + found.error().what,
                               std::move(found.error().remedy));
        return {};
    }
    config::Environment::Values merged = environment.values();
    merged.insert(found->begin(), found->end());
    reading.environment = config::Environment(std::move(merged));
    return *std::move(found);
}

}  // namespace

LoadedSettings load_settings(const std::string& path, const config::Environment& environment) {
    auto reading = std::make_shared<config::Reading>();
    config::Environment::Values in_folder = read_folder(*reading, environment);
    reading->document = config::Document::load(path, reading->mistakes);
    const bool readable =
        reading->document.root.kind != config::Node::Kind::nothing || reading->mistakes.empty();

    auto settings = std::make_shared<Settings>();
    settings->source = path;
    settings->variables = std::move(in_folder);
    settings->text = reading->document.text;
    config::Reader root = config::Reader::root(reading);
    fields(root, *settings);
    root.finish();
    check_listeners(root, *settings);
    check_tls(root, *settings);
    check_overload(root, *settings);
    check_key_sets(root, *settings);
    check_keys(root, *settings);
    check_state(root, *settings);
    check_cors(root, *settings);
    if (readable) {  // of a file that is no YAML, nothing more would be true
        check_services(root, *settings);
        check_limits(root, *settings);
        check_maintenance(root, *settings);
        check_routes(root, *settings);
        check_unknown_variables(*reading);
    }

    settings->beside = std::move(reading->beside);
    if (!reading->mistakes.empty()) {
        return std::unexpected(sorted(std::move(reading->mistakes)));
    }
    resolve(*settings);
    return settings;
}

}  // namespace gw::app
