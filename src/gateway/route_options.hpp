// What an operator may set about a route: which requests it takes, where they go, and how long they
// may last.
//
// Among the routes that fit a request, the one with the most specific path is taken (segment by
// segment a literal before a parameter before a prefix), then the one with the most specific host
// (an exact name, then *.example.com, the longer first, then any), then one that lists its methods
// before one that takes all. One that fits by its path but not by host or method is passed over for
// the next. A path that fits only routes of other methods gets 405.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "config/field.hpp"
#include "config/reader.hpp"
#include "gateway/path_pattern.hpp"
#include "gateway/stage.hpp"
#include "http/method_names.hpp"

namespace gw::gateway {

// Who goes first where requests wait for a service, and who is sent away last where we have too
// much to do ourselves.
enum class RoutePriority : std::uint8_t { by_method, high, normal, low };
constexpr std::array<std::pair<std::string_view, RoutePriority>, 4> names_of(RoutePriority) {
    return {{{"by_method", RoutePriority::by_method},
             {"high", RoutePriority::high},
             {"normal", RoutePriority::normal},
             {"low", RoutePriority::low}}};
}

struct RouteOptions {
    std::string name;
    PathPattern path;
    std::vector<http::Method> methods;  // empty: all
    std::vector<std::string>
        hosts;  // lower case, without port; "*.example.com" for its subdomains; empty: any
    std::string service;
    // What the service sees instead of the path; of a prefix route, instead of the part before /**.
    // Empty: the same. {name} stands for the segment which that parameter of the path took.
    std::string rewrite;
    // Zero until load_settings has put the process's defaults there.
    Millis timeout{0};
    std::uint64_t body_bytes_max = 0;
    Millis hedge_after{0};
    Millis stream_idle_timeout{300'000};
    RoutePriority priority = RoutePriority::by_method;
    // The keys of the route that are none of the above: the stages' sections, and what
    // load_settings read there.
    config::Reader stages;
    StageOptionsList stage_options;
};

std::optional<config::Flaw> check_route_name(std::string_view name);
std::optional<config::Flaw> check_route_host(std::string_view host);
// Is it written as a path, with no parameter that the path of the route lacks?
std::optional<config::Flaw> check_rewrite(const RouteOptions& route);

// Of two routes with the same path: is `a` tried before `b`? A total order of all routes, by name
// at last.
bool goes_before(const RouteOptions& a, const RouteOptions& b);

// Where requests of this route arrive at the service, in the notation of paths: "/auth/**"; of a
// redirection its status and where it leads, of an answer that is put together its parts.
std::string upstream_path(const RouteOptions& route);

template <class Visitor>
void fields(Visitor& field, RouteOptions& o) {
    using namespace config;
    field("name", o.name, Required{}, Check{check_route_name, "^[a-z0-9][a-z0-9._-]{0,63}$"},
          "unique; its name in messages about the configuration and in the output of `routes` and "
          "`explain`; log lines and metrics name it by `path`");
    field("path", o.path, Required{},
          "`/a/b` is that path, `/a/{id}` any one segment, `/a/**` that path and all below it");
    field("methods", o.methods, "methods it takes; none listed: all");
    field("hosts", o.hosts, Check{check_route_host, R"(^(\*\.)?[a-z0-9.-]+$)"},
          "hosts it answers for: exact names, or `*.example.com`; none listed: any");
    field("service", o.service,
          "the service that answers, by its name under `services`; none with `redirect` or "
          "`aggregate`");
    field("rewrite", o.rewrite,
          "path at the service in place of `path` (of `/a/**`: in place of `/a`); may use `{id}`; "
          "default: the same path");
    field(
        "timeout_ms", o.timeout, Range{0, 3'600'000},
        "time for the answer's head, from the request's first byte or, if that is later, the last "
        "one of its body; then the longest pause in the answer's body, which as a whole may take "
        "longer; 0 is `timeout_ms` of the service");
    field("body_bytes_max", o.body_bytes_max, Range{0, 1'099'511'627'776},
          "largest request body, else 413; 0 is the general `body_bytes_max`");
    field("hedge_after_ms", o.hedge_after, Range{0, 3'600'000},
          "GET and HEAD go to a second endpoint as well when the first has not answered after this "
          "time, within the budget of what is sent again; 0: they do not");
    field("stream_idle_timeout_ms", o.stream_idle_timeout, Range{1'000, 86'400'000},
          "longest pause in an answer that is a stream of events or messages (`text/event-stream`, "
          "`application/grpc`), in place of `timeout_ms`");
    field("priority", o.priority,
          "who goes first where there is a crowd: `high`, `normal`, `low`; `by_method`: reads are "
          "`low`, all else is `normal`");
    field.rest(o.stages);
}

}  // namespace gw::gateway
