#include <algorithm>
#include <unordered_map>
#include <utility>

#include "app/settings_check.hpp"
#include "gateway/rate_limit_options.hpp"
#include "gateway/redirect_options.hpp"
#include "gateway/route_table.hpp"
#include "gateway/shaping_check.hpp"
#include "gateway/validate_options.hpp"
#include "gateway/websocket_options.hpp"

namespace gw::app {
namespace {

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

// What is there for services that speak HTTP/1.1 only.
void check_protocol_of(gateway::RouteOptions& route, const Settings& s) {
    const auto service = s.services.find(route.service);
    if (service == s.services.end() || service->second.protocol != upstream::ServiceProtocol::h2) {
        return;
    }
    if (route.hedge_after > Millis::zero()) {
        route.stages.blame("hedge_after_ms",
                           "hedge_after_ms is set, but a service that speaks HTTP/2 is not asked "
                           "twice",
                           "remove `hedge_after_ms`, or `protocol: h2` of the service");
    }
    if (gateway::websocket_of(route.stage_options) != nullptr) {
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
    const auto counts_failures = [&s](const std::string& name) {
        const limits::PolicyOptions* const policy = s.limits.find(name);
        return policy != nullptr && policy->counted == limits::Counted::failures;
    };
    const auto count = std::ranges::count_if(options->policies, counts_failures);
    if (std::cmp_greater(count, gateway::kFailurePoliciesMax)) {
        route.stages.section("rate_limit")
            .blame("policies",
                   "rate_limit.policies names " + std::to_string(count) +
                       " policies that count failures only",
                   "name at most " + std::to_string(gateway::kFailurePoliciesMax) +
                       ", or let one of them count `all`");
    }
}

// All of them, to look for what takes a request; they lead nowhere.
gateway::RouteTable table_of(const Settings& s) {
    std::vector<std::unique_ptr<gateway::Route>> routes;
    for (const gateway::RouteOptions& options : s.routes) {
        auto route = std::make_unique<gateway::Route>();
        route->name = options.name;
        route->path = options.path.to_string();
        route->prefix = options.path.prefix;
        route->hosts = options.hosts;
        for (const http::Method method : options.methods) {
            route->methods =
                static_cast<std::uint16_t>(route->methods | gateway::method_bit(method));
        }
        route->options = options.stage_options;
        routes.push_back(std::move(route));
    }
    return gateway::RouteTable(std::move(routes));
}

// A path that stands for all that such a redirect leads to; no segment of a route is called "{}".
// Empty: it leads to another host, as far as is known.
std::string path_led_to(const gateway::UrlTemplate& to) {
    using Of = gateway::TextTemplate::Of;
    std::string path;
    for (const gateway::TextTemplate::Piece& piece : to.pieces()) {
        if (piece.of != Of::literal) {
            path += piece.of == Of::rest ? "/{}" : "{}";
            continue;
        }
        const std::size_t end = piece.text.find_first_of("?#");
        path += piece.text.substr(0, end);
        if (end != std::string::npos) {
            break;
        }
    }
    return path.starts_with('/') ? path : "";
}

// Browsers ask with GET where a POST led them by 301 or 302 (RFC 9110, 15.4).
http::Method method_behind(http::Method method, std::uint32_t status) {
    return method == http::Method::post && status <= 302 ? http::Method::get : method;
}

bool leads_to_itself(const gateway::RouteTable& table, const gateway::RouteOptions& route,
                     const gateway::RedirectOptions& redirect) {
    const std::string path = path_led_to(redirect.to);
    const auto takes = [&](const std::string& host, http::Method method) {
        const auto match = table.find(path, host.starts_with("*.") ? "a" + host.substr(1) : host,
                                      method_behind(method, redirect.status));
        return match.route != nullptr && match.route->name == route.name;
    };
    const std::vector<std::string> hosts =
        route.hosts.empty() ? std::vector<std::string>{""} : route.hosts;
    const std::vector<http::Method> methods =
        route.methods.empty() ? std::vector{http::Method::get} : route.methods;
    return !path.empty() && std::ranges::any_of(hosts, [&](const std::string& host) {
        return std::ranges::any_of(methods,
                                   [&](http::Method method) { return takes(host, method); });
    });
}

void check_redirects(Settings& s) {
    const auto redirects = [](const gateway::RouteOptions& route) {
        return gateway::redirect_of(route.stage_options) != nullptr;
    };
    if (std::ranges::none_of(s.routes, redirects)) {
        return;
    }
    const gateway::RouteTable table = table_of(s);
    for (gateway::RouteOptions& route : s.routes) {
        if (redirects(route) &&
            leads_to_itself(table, route, *gateway::redirect_of(route.stage_options))) {
            route.stages.section("redirect")
                .blame("to", "redirect.to leads back to the route itself, and clients in a circle",
                       "name another path, or give that path a route of its own");
        }
    }
}

}  // namespace

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
        check_protocol_of(route, s);
        gateway::check_shaping(route,
                               [&s](std::string_view service) { return service_flaw(s, service); });
        check_validation_of(route);
        route.stages.finish();
    }
    check_redirects(s);
}
}  // namespace gw::app
