// Finds the route, by the canonical path: what is matched here is what is authorised below and what
// the service gets.
#include <algorithm>

#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "gateway/websocket_options.hpp"
#include "http/uri.hpp"

namespace gw::gateway {
namespace {

// The service's path: the route's rewrite with its parameters, and, for a prefix, the rest of the
// path.
std::string_view rewritten(Exchange& x, const RouteMatch& match) {
    const Route& route = *match.route;
    if (route.same_path) {
        return x.path;
    }
    Arena& arena = x.memory.arena;
    std::string_view path;
    for (const Route::Piece& piece : route.rewrite) {
        const std::string_view parameter =
            piece.parameter >= 0 ? match.parameters[static_cast<std::size_t>(piece.parameter)]
                                 : std::string_view{};
        path = path.empty() && parameter.empty() ? std::string_view{piece.text}
                                                 : arena.join(path, piece.text, parameter);
    }
    if (!match.rest.empty()) {
        path = path == "/" ? match.rest : arena.join(path, match.rest);
    }
    return path;
}

// Of the gateway itself and no path of it (RFC 9110, 9.3.7).
Verdict tell_of_server(Exchange& x) {
    x.allow = kServedMethods;
    x.own.status = 204;
    x.own.content_type = {};
    return answer();
}

Verdict decide(Exchange& x) {
    // Parsers let it pass with OPTIONS only.
    if (x.head().path == "*") [[unlikely]] {
        return tell_of_server(x);
    }
    http::PathRefusal refusal;
    switch (http::normalise_path(x.head().path, x.memory.path, refusal)) {
        case http::PathOutcome::unchanged:
            x.path = x.head().path;
            break;
        case http::PathOutcome::rewritten:
            x.path = x.memory.path;
            break;
        case http::PathOutcome::refused:
            if (refusal.traversal) {
                report_violation(x, observe::Violation::path_traversal, refusal.detail, "blocked",
                                 400);
            }
            return refuse(Code::bad_request, refusal.detail);
    }
    // In HTTP/2 a WebSocket is asked for with CONNECT, elsewhere with GET.
    const bool tunnels = x.head().method == http::Method::connect;
    const RouteMatch match = x.generation.site->routes.find(
        x.path, x.head().authority, tunnels ? http::Method::get : x.head().method);
    if (match.route == nullptr) {
        if (match.allowed == 0) {
            return refuse(Code::no_route, "no route leads there");
        }
        x.allow = x.memory.arena.copy(allow_list(match.allowed));
        return refuse(Code::method_not_allowed, "the path does not take this method");
    }
    if (tunnels && websocket_of(match.route->options) == nullptr) [[unlikely]] {
        return refuse(Code::not_implemented, "the route takes no WebSockets");
    }
    x.route = match.route;
    x.service_index = match.route->service_index;
    std::copy_n(match.parameters.begin(), match.parameter_count, x.memory.parameters.begin());
    x.rest = match.rest;
    x.upstream_path = rewritten(x, match);
    x.body_max = match.route->body_max;
    x.deadline = x.stream.began() + match.route->timeout;
    return go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage route = stage<decide>("route");
}

}  // namespace gw::gateway
