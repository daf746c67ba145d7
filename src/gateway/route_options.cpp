#include "gateway/route_options.hpp"

#include <algorithm>
#include <tuple>

#include "gateway/aggregate_options.hpp"
#include "gateway/redirect_options.hpp"
#include "gateway/transform_options.hpp"

namespace gw::gateway {
namespace {

using config::Flaw;

// The least specific host that a route lists decides: exact names, then suffixes by length, then
// any.
std::size_t host_rank(const RouteOptions& route) {
    constexpr std::size_t kExact = 1'000;  // more than any suffix is long
    std::size_t rank = route.hosts.empty() ? 0 : kExact;
    for (const std::string& host : route.hosts) {
        rank = std::min(rank, host.starts_with("*.") ? host.size() : kExact);
    }
    return rank;
}

bool is_small_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::optional<Flaw> check_route_name(std::string_view name) {
    const bool good = !name.empty() && name.size() <= 64 && is_small_or_digit(name.front()) &&
                      std::ranges::all_of(name, [](char c) {
                          return is_small_or_digit(c) || c == '-' || c == '_' || c == '.';
                      });
    if (good) {
        return std::nullopt;
    }
    return Flaw{"is " + config::quote(name),
                "use up to 64 small letters, digits, '-', '_' and '.', a letter or digit first"};
}

std::optional<Flaw> check_route_host(std::string_view host) {
    std::string_view rest = host;
    if (rest.starts_with("*.")) {
        rest.remove_prefix(2);
    }
    const bool good = !rest.empty() && rest.size() <= 253 && is_small_or_digit(rest.front()) &&
                      rest.back() != '.' && !rest.contains("..") &&
                      std::ranges::all_of(rest, [](char c) {
                          return is_small_or_digit(c) || c == '-' || c == '.';
                      });
    if (good) {
        return std::nullopt;
    }
    return Flaw{"is " + config::quote(host),
                "write a host in small letters and without a port, or *.example.com"};
}

std::optional<Flaw> check_rewrite(const RouteOptions& route) {
    if (route.rewrite.empty()) {
        return std::nullopt;
    }
    const auto target = PathPattern::parse(route.rewrite);
    if (!target) {
        return target.error();
    }
    if (target->prefix) {
        return Flaw{"ends in /**", "leave /** out: what it took is appended by itself"};
    }
    for (const PathPattern::Segment& segment : target->segments) {
        if (segment.parameter && !route.path.has_parameter(segment.text)) {
            return Flaw{"uses {" + segment.text + "}, which the path does not have",
                        "use only parameters of " + route.path.to_string()};
        }
    }
    return std::nullopt;
}

bool goes_before(const RouteOptions& a, const RouteOptions& b) {
    return std::make_tuple(host_rank(b), !b.methods.empty(), std::string_view(a.name)) <
           std::make_tuple(host_rank(a), !a.methods.empty(), std::string_view(b.name));
}

std::string upstream_path(const RouteOptions& route) {
    if (const RedirectOptions* const redirect = redirect_of(route.stage_options)) {
        return std::to_string(redirect->status) + " " + redirect->to.to_string();
    }
    if (const AggregateOptions* const aggregate = aggregate_of(route.stage_options)) {
        std::string parts;
        for (const AggregateOptions::Part& part : aggregate->list) {
            parts += (parts.empty() ? "" : "+") + part.name;
        }
        return parts;
    }
    if (const TransformOptions* const transform = transform_of(route.stage_options);
        transform != nullptr && !transform->path.empty()) {
        return transform->path.to_string();
    }
    if (route.rewrite.empty()) {
        return route.path.to_string();
    }
    if (!route.path.prefix) {
        return route.rewrite;
    }
    return (route.rewrite == "/" ? "" : route.rewrite) + "/**";
}

}  // namespace gw::gateway
