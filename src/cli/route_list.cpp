#include "cli/route_list.hpp"

#include <algorithm>
#include <array>

#include "config/outline.hpp"
#include "gateway/aggregate_options.hpp"
#include "gateway/canary_options.hpp"

namespace gw::cli {
namespace {

using gateway::RouteOptions;

std::string method_text(http::Method method) {
    for (const auto& [name, value] : names_of(method)) {
        if (value == method) {
            return std::string(name);
        }
    }
    return "";
}

std::vector<std::string> methods_of(const RouteOptions& route) {
    std::vector<std::string> names;
    names.reserve(route.methods.size());
    for (const http::Method method : route.methods) {
        names.push_back(method_text(method));
    }
    return names;
}

std::string joined(const std::vector<std::string>& parts, std::string_view none) {
    std::string out;
    for (const std::string& part : parts) {
        out += (out.empty() ? "" : ",") + part;
    }
    return out.empty() ? std::string(none) : out;
}

// By path, and where paths are the same in the order in which they are tried.
std::vector<const RouteOptions*> by_path(const std::vector<RouteOptions>& routes) {
    std::vector<const RouteOptions*> sorted;
    sorted.reserve(routes.size());
    for (const RouteOptions& route : routes) {
        sorted.push_back(&route);
    }
    std::ranges::sort(sorted, [](const RouteOptions* a, const RouteOptions* b) {
        const std::string path_a = a->path.to_string();
        const std::string path_b = b->path.to_string();
        return path_a < path_b || (path_a == path_b && goes_before(*a, *b));
    });
    return sorted;
}

// "event-service", with its other versions: "event-service (5% event-service-next)"; of an answer
// that is put together those of its parts.
std::string services_of(const RouteOptions& route) {
    std::string out = route.service;
    if (const auto* const canary = gateway::canary_of(route.stage_options)) {
        for (const gateway::CanaryVersion& version : canary->versions) {
            out += " (" + (version.percent > 0 ? std::to_string(version.percent) + "%" : "rule") +
                   " " + version.service + ")";
        }
    }
    if (const auto* const aggregate = gateway::aggregate_of(route.stage_options)) {
        for (const gateway::AggregateOptions::Part& part : aggregate->list) {
            if (!out.contains(part.options.service)) {
                out += (out.empty() ? "" : "+") + part.options.service;
            }
        }
    }
    return out.empty() ? "-" : out;
}

constexpr std::size_t kColumns = 7;
using Row = std::array<std::string, kColumns>;

Row row_of(const RouteOptions& route) {
    return {joined(methods_of(route), "*"),
            joined(route.hosts, "*"),
            route.path.to_string(),
            services_of(route),
            upstream_path(route),
            std::to_string(route.timeout.count()),
            route.name};
}

std::string json_list(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) {
        out += (out.empty() ? "" : ", ") + config::json_text(part);
    }
    return "[" + out + "]";
}

}  // namespace

std::string routes_as_table(const std::vector<RouteOptions>& routes) {
    std::vector<Row> rows{
        {"METHODS", "HOST", "PATH", "SERVICE", "UPSTREAM PATH", "TIMEOUT MS", "NAME"}};
    for (const RouteOptions* route : by_path(routes)) {
        rows.push_back(row_of(*route));
    }
    std::array<std::size_t, kColumns> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < kColumns; ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string out;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i + 1 < kColumns; ++i) {
            out += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
        }
        out += row[kColumns - 1] + "\n";
    }
    return out;
}

std::string routes_as_json(const std::vector<RouteOptions>& routes) {
    using config::json_text;
    std::string out;
    for (const RouteOptions* route : by_path(routes)) {
        out += out.empty() ? "[\n" : ",\n";
        out += R"(  {"name": )" + json_text(route->name);
        out += R"(, "methods": )" + json_list(methods_of(*route));
        out += R"(, "hosts": )" + json_list(route->hosts);
        out += R"(, "path": )" + json_text(route->path.to_string());
        out += R"(, "service": )" + json_text(route->service);
        out += R"(, "upstreamPath": )" + json_text(upstream_path(*route));
        out += R"(, "timeoutMs": )" + std::to_string(route->timeout.count());
        out += R"(, "bodyBytesMax": )" + std::to_string(route->body_bytes_max) + "}";
    }
    return (out.empty() ? "[" : out + "\n") + "]\n";
}

}  // namespace gw::cli
