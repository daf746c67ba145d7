#include "gateway/route_table.hpp"

#include <algorithm>

#include "base/ensure.hpp"
#include "base/text.hpp"

namespace gw::gateway {
namespace {

// Takes the next segment off `path` ("/a/b" gives "a" and leaves "/b").
std::string_view take_segment(std::string_view& path) {
    path.remove_prefix(1);
    const std::size_t end = find_byte(path, '/');
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    return segment;
}

// What a route takes that lists no methods: the registered ones, but not those that address a
// proxy.
constexpr std::uint16_t kAllMethods =
    method_bit(http::Method::get) | method_bit(http::Method::head) |
    method_bit(http::Method::post) | method_bit(http::Method::put) |
    method_bit(http::Method::patch) | method_bit(http::Method::delete_) |
    method_bit(http::Method::options);

constexpr std::size_t kHostMax = 255;  // RFC 1035, 2.3.4

// The host of an authority in lower case, without port and root label; empty if it is longer than a
// name can be.
std::string_view host_of(std::string_view authority, std::array<char, kHostMax>& folded) {
    std::string_view host = authority.starts_with('[')
                                ? authority.substr(0, authority.find(']') + 1)
                                : authority.substr(0, authority.find(':'));
    if (host.ends_with('.')) {
        host.remove_suffix(1);
    }
    if (host.size() > folded.size()) {
        return {};
    }
    std::ranges::transform(host, folded.begin(), lower);
    return {folded.data(), host.size()};
}

}  // namespace

std::string allow_list(std::uint16_t methods) {
    std::string list;
    for (unsigned i = 0; i < static_cast<unsigned>(http::Method::other); ++i) {
        if ((methods & (1U << i)) != 0) {
            list += list.empty() ? "" : ", ";
            list += http::method_name(static_cast<http::Method>(i));
        }
    }
    return list;
}

RouteTable::RouteTable(std::vector<std::unique_ptr<Route>> routes) : routes_(std::move(routes)) {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        Route& route = *routes_[i];
        route.index = i;
        route.steps = steps_of(route.options);
        route.base_segments =
            static_cast<std::size_t>(std::ranges::count(route.path, '/')) - (route.prefix ? 1 : 0);
        if (route.hosts.empty()) {
            insert(route, any_host_);
        }
        for (const std::string_view host : route.hosts) {
            if (!host.starts_with("*.")) {
                std::unique_ptr<Node>& root = by_host_[host];
                root = root != nullptr ? std::move(root) : std::make_unique<Node>();
                insert(route, *root);
                continue;
            }
            const std::string_view suffix = host.substr(1);
            auto known =
                std::ranges::find(by_suffix_, suffix, [](const auto& e) { return e.first; });
            if (known == by_suffix_.end()) {
                known = by_suffix_.emplace(known, suffix, std::make_unique<Node>());
            }
            insert(route, *known->second);
        }
    }
    std::ranges::sort(by_suffix_, std::ranges::greater{},
                      [](const auto& e) { return e.first.size(); });
}

void RouteTable::insert(const Route& route, Node& root) {
    Node* node = &root;
    Candidates* end = nullptr;
    std::string_view left = route.path == "/" ? std::string_view{} : std::string_view{route.path};
    while (!left.empty() && end == nullptr) {
        const std::string_view segment = take_segment(left);
        if (route.prefix && left.empty()) {
            end = &node->prefixes;  // the segment is "**"
            break;
        }
        const bool parameter = segment.starts_with('{');
        std::unique_ptr<Node>& next = parameter ? node->parameter : node->literals[segment];
        if (next == nullptr) {
            next = std::make_unique<Node>();
        }
        if (!parameter) {
            const bool alone = node->literals.size() == 1;
            node->only = alone ? segment : std::string_view{};
            node->only_node = alone ? next.get() : nullptr;
        }
        node = next.get();
    }
    Candidates& candidates = end != nullptr ? *end : node->exact;
    candidates.push_back(&route);
    std::ranges::partition(candidates, [](const Route* r) { return r->methods != 0; });
}

// A depth-first walk, most specific first. How far it can branch is the configuration's doing, not
// the client's.
struct RouteTable::Search {
    http::Method method;
    RouteMatch match;

    bool accept(const Candidates& candidates, std::string_view rest) {
        const std::uint16_t wanted =
            method == http::Method::head
                ? static_cast<std::uint16_t>(method_bit(method) | method_bit(http::Method::get))
                : method_bit(method);
        for (const Route* route : candidates) {
            if (((route->methods == 0 ? kAllMethods : route->methods) & wanted) != 0) {
                match.route = route;
                match.rest = rest;
                return true;
            }
            match.allowed = static_cast<std::uint16_t>(
                match.allowed | (route->methods == 0 ? kAllMethods : route->methods));
        }
        return false;
    }

    static const Node* literal(const Node& node, std::string_view segment) {
        if (node.only_node != nullptr) {
            return std::ranges::equal(segment, node.only) ? node.only_node : nullptr;
        }
        const auto found = node.literals.find(segment);
        return found != node.literals.end() ? found->second.get() : nullptr;
    }

    bool walk(const Node& node, std::string_view left) {
        if (left.empty() && accept(node.exact, left)) {
            return true;
        }
        if (!left.empty()) {
            std::string_view after = left;
            const std::string_view segment = take_segment(after);
            if (const Node* const child = literal(node, segment);
                child != nullptr && walk(*child, after)) {
                return true;
            }
            if (node.parameter != nullptr && !segment.empty() &&
                match.parameter_count < kParametersMax) {
                match.parameters[match.parameter_count++] = segment;
                if (walk(*node.parameter, after)) {
                    return true;
                }
                --match.parameter_count;
            }
        }
        return accept(node.prefixes, left);
    }
};

RouteMatch RouteTable::find(std::string_view path, std::string_view authority,
                            http::Method method) const {
    Search search{.method = method, .match = {}};
    // "/" is the root itself, not an empty segment below it.
    const std::string_view left = path == "/" ? std::string_view{} : path;
    if (!by_host_.empty() || !by_suffix_.empty()) {
        std::array<char, kHostMax> folded;
        const std::string_view host = host_of(authority, folded);
        if (const auto root = by_host_.find(host); root != by_host_.end()) {
            if (search.walk(*root->second, left)) {
                return search.match;
            }
        }
        for (const auto& [suffix, root] : by_suffix_) {
            if (host.size() > suffix.size() && host.ends_with(suffix) && search.walk(*root, left)) {
                return search.match;
            }
        }
    }
    search.walk(any_host_, left);
    return search.match;
}

}  // namespace gw::gateway
