// Which route a request takes: by path, host and method. A trie of path segments, so that the cost
// of a look-up is the length of the path, however many routes there are. Immutable once built;
// shared by all workers.
//
// The more specific host wins, then, at every segment, a literal before a parameter before a
// prefix, then a route that lists its methods. A route that does not take the method is passed over
// for the next that does.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "gateway/route_options.hpp"
#include "gateway/stage.hpp"
#include "http/message.hpp"

namespace gw::limits {
class Policy;
}

namespace gw::gateway {

inline constexpr std::size_t kParametersMax = 8;  // of one template

struct Route {
    std::string name;
    std::string path;                // the template: what metrics and access lines call it
    std::uint16_t methods = 0;       // bit per http::Method; 0: all
    std::vector<std::string> hosts;  // lower case; "*.x" for subdomains; empty: any
    std::string service;
    std::size_t service_index = 0;
    std::size_t index = 0;
    Millis timeout{};
    std::uint64_t body_max = 0;
    Millis hedge_after{0};  // zero: never
    RoutePriority priority = RoutePriority::by_method;
    Millis stream_idle_timeout{0};
    bool prefix = false;
    std::size_t base_segments = 0;  // of a prefix route: those before its "**"
    bool same_path = true;          // the service sees the path as it is
    struct Piece {
        std::string text;    // literal, before the parameter
        int parameter = -1;  // index into the match's parameters; -1: none
    };
    std::vector<std::string> parameters;  // the names in its template, in order
    std::vector<Piece> rewrite;           // of the service's path; a prefix route adds the rest
    // Other services that its stages name, as service_index, in the order of their options.
    std::vector<std::size_t> canaries;
    std::size_t mirror = kNoService;
    std::vector<std::size_t> part_services;
    StageOptionsList options;
    std::vector<StageStep> steps;                 // its stages, those without options too
    std::vector<const limits::Policy*> policies;  // of the site; those under which requests count
    static constexpr std::size_t kBodyParametersMax = 2;
    std::vector<std::string> body_parameters;  // that keys name and the path has not
};

struct RouteMatch {
    const Route* route = nullptr;  // null: nothing fits
    std::uint16_t allowed = 0;     // without a route: methods that the path has; 0: no such path
    std::string_view rest;         // of a prefix route: what follows the prefix, "" or "/…"
    std::array<std::string_view, kParametersMax> parameters;
    std::size_t parameter_count = 0;
};

class RouteTable {
  public:
    // Routes are checked by configuration: paths are well-formed and no two are the same.
    explicit RouteTable(std::vector<std::unique_ptr<Route>> routes);
    RouteTable(const RouteTable&) = delete;
    RouteTable& operator=(const RouteTable&) = delete;

    // path: canonical. host: the request's authority, in any case, with or without port.
    [[nodiscard]] RouteMatch find(std::string_view path, std::string_view host,
                                  http::Method method) const;

    [[nodiscard]] const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

  private:
    // Routes with the same path and hosts, those that list methods first.
    using Candidates = std::vector<const Route*>;
    struct Node {
        boost::unordered_flat_map<std::string_view, std::unique_ptr<Node>> literals;
        // The one of them, if there is one only: most paths begin with such segments.
        std::string_view only;
        const Node* only_node = nullptr;
        std::unique_ptr<Node> parameter;
        Candidates exact;     // routes that end here
        Candidates prefixes;  // routes for everything from here on
    };
    struct Search;

    void insert(const Route& route, Node& root);

    std::vector<std::unique_ptr<Route>> routes_;
    boost::unordered_flat_map<std::string_view, std::unique_ptr<Node>> by_host_;
    std::vector<std::pair<std::string_view, std::unique_ptr<Node>>>
        by_suffix_;  // ".example.com", the longest first
    Node any_host_;
};

constexpr std::uint16_t method_bit(http::Method method) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method));
}
// Of the gateway as a whole, for an Allow field.
inline constexpr std::string_view kServedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
// "GET, HEAD, POST" for an Allow field.
std::string allow_list(std::uint16_t methods);

}  // namespace gw::gateway
