#include "app/settings_check.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "gateway/websocket_options.hpp"
#include "identity/key_set.hpp"
#include "net/tls_tickets.hpp"

namespace gw::app {
namespace {

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

struct Port {
    const char* section;
    const char* setting;
    std::uint16_t number;  // 0: any free one, or none
    std::string_view host;

    [[nodiscard]] std::string name() const { return std::string(section) + "." + setting; }
};

constexpr std::string_view kRespHost = "127.0.0.1";

// The port for redis-cli is there on loopback alone.
bool meet(const Port& resp, const Port& other) {
    return resp.number == other.number && resp.number != 0 &&
           (other.host == "0.0.0.0" || other.host == "::" || other.host == kRespHost);
}

// Of two settings that agree, a default is not the one to change.
void blame_ports(config::Reader& root, const Port& later, const Port& earlier, std::string remedy) {
    const bool by_later = root.section(later.section).is_given(later.setting) ||
                          !root.section(earlier.section).is_given(earlier.setting);
    const Port& blamed = by_later ? later : earlier;
    root.section(blamed.section)
        .blame(
            blamed.setting,
            later.name() + " and " + earlier.name() + " are both " + std::to_string(later.number),
            std::move(remedy));
}

// Whoever came second to a port would be without.
void check_ports(config::Reader& root, const Settings& s) {
    std::vector<Port> ports{{"listen", "port", s.listen.port, s.listen.host},
                            {"admin", "port", s.admin.port, s.admin.host}};
    if (s.tls.configured()) {
        ports.push_back({"tls", "port", s.tls.port, s.listen.host});
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (ports[i].number != 0 && ports[i].number == ports[j].number) {
                blame_ports(root, ports[i], ports[j], "give each its own");
            }
        }
        const Port resp{"state", "resp_port", s.state.resp_port, kRespHost};
        if (meet(resp, ports[i])) {
            blame_ports(root, resp, ports[i],
                        "give each its own, or set state.resp_port (RESP_PORT) to 0 and go without "
                        "redis-cli");
        }
    }
}

void check_listeners(config::Reader& root, const Settings& s) {
    if (s.listen.proxy_protocol != net::ProxyProtocol::off && s.trusted_proxies.empty()) {
        root.section("listen").blame(
            "proxy_protocol", "listen.proxy_protocol is on, but nobody is trusted to say it",
            "list the load balancers' addresses in trusted_proxies (TRUSTED_PROXIES)");
    }
    if (s.shutdown.timeout < s.shutdown.drain) {
        config::Reader shutdown = root.section("shutdown");
        const bool by_timeout = shutdown.is_given("timeout_ms");
        shutdown.blame(
            by_timeout ? "timeout_ms" : "drain_ms", "shutdown.timeout_ms is less than drain_ms",
            "the drain is part of it: use at least " + std::to_string(s.shutdown.drain.count()) +
                ", or a shorter drain_ms (SHUTDOWN_DRAIN_MS)");
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

// Keys are read again before they are too old.
template <class Options>
void check_key_age(config::Reader section, const std::string& name, const Options& o) {
    if (o.key_set_age_max != Millis{0} && o.key_set_age_max < o.key_set_refresh) {
        section.blame("key_set_age_max_ms",
                      name + ".key_set_age_max_ms is less than key_set_refresh_ms",
                      "write at least as much, or 0: they are kept until others come");
    }
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
    check_key_age(root.section("tokens"), "tokens", s.tokens);
    check_key_age(root.section("admin_sign_in"), "admin_sign_in", sign_in);
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

void check_tiers_of_keys(config::Reader& root, const Settings& s) {
    std::vector<std::string_view> tiers;
    s.limits.each_policy([&](const auto&, const limits::PolicyOptions& policy) {
        for (const auto& [name, tier] : policy.tiers) {
            tiers.push_back(name);
        }
    });
    for (const auto& [name, key] : s.api_keys) {
        if (!key.tier.empty() && std::ranges::find(tiers, key.tier) == tiers.end()) {
            const std::string_view meant = config::nearest(key.tier, tiers);
            root.section("api_keys")
                .section(name)
                .blame("tier", "no policy has a tier " + config::quote(key.tier),
                       meant.empty() ? "describe it under `tiers` of a policy of `limits`"
                                     : "did you mean " + config::quote(meant) + "?");
        }
    }
}

// Whoever shows the key would be one of the two, by the alphabet.
void check_hashes_of_keys(config::Reader& root, const Settings& s) {
    for (auto key = s.api_keys.begin(); key != s.api_keys.end(); ++key) {
        const auto same = std::find_if(s.api_keys.begin(), key, [&](const auto& before) {
            return before.second.hash == key->second.hash;
        });
        if (same != key) {
            root.section("api_keys")
                .section(key->first)
                .blame("hash",
                       "api_keys " + config::quote(same->first) + " and " +
                           config::quote(key->first) + " have the same hash: one key is one caller",
                       "let `api-gateway api-key` make a key for each");
        }
    }
}

}  // namespace

void check_admin_tokens(config::Reader& root, const Settings& settings, Purpose purpose) {
    const net::AdminOptions& admin = settings.admin;
    if (admin.viewer_token.empty()) {
        return;
    }
    if (admin.viewer_token == admin.token) {
        root.section("admin").blame(
            "viewer_token",
            "admin.viewer_token is the same as admin.token: who is to look could change everything",
            "give viewers a token of their own (ADMIN_VIEWER_TOKEN)");
    } else if (admin.token.empty() && purpose != Purpose::look) {
        root.section("admin").blame(
            "viewer_token", "admin.viewer_token is set, but the admin API is off: token is not",
            "set ADMIN_TOKEN as well, or unset ADMIN_VIEWER_TOKEN");
    }
}

void check_settings(config::Reader& root, Settings& settings, bool readable) {
    check_ports(root, settings);
    check_listeners(root, settings);
    check_tls(root, settings);
    check_overload(root, settings);
    check_key_sets(root, settings);
    check_keys(root, settings);
    check_state(root, settings);
    check_cors(root, settings);
    if (readable) {
        check_services(root, settings);
        check_limits(root, settings);
        check_maintenance(root, settings);
        check_routes(root, settings);
        check_tiers_of_keys(root, settings);
        check_hashes_of_keys(root, settings);
    }
}

}  // namespace gw::app
