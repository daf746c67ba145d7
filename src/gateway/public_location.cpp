#include "gateway/public_location.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "gateway/shard.hpp"
#include "gateway/transform_options.hpp"
#include "http/authority.hpp"

namespace gw::gateway {
namespace {

struct Scheme {
    std::string_view start;
    std::uint16_t port;
};
// Without a scheme it is the client's (RFC 3986, 4.2), and may be either.
constexpr std::array<Scheme, 4> kSchemes{
    {{"http://", 80}, {"https://", 443}, {"//", 80}, {"//", 443}}};

bool names(std::string_view location, const Scheme& scheme, std::string_view authority) {
    const auto named = http::parse_authority(location);
    const auto service = http::parse_authority(authority);
    return named && service ? http::same_authority(*named, *service, scheme.port)
                            : equal_ignore_case(location, authority);
}

// Takes scheme and authority off, if they are the service's.
bool take_service(std::string_view& location, std::string_view authority) {
    for (const Scheme& scheme : kSchemes) {
        if (!starts_with_ignore_case(location, scheme.start)) {
            continue;
        }
        std::string_view rest = location.substr(scheme.start.size());
        const std::size_t end = std::min(rest.find_first_of("/\\?#"), rest.size());
        std::string_view named = rest.substr(0, end);
        named.remove_prefix(named.rfind('@') + 1);  // npos + 1 is 0
        if (names(named, scheme, authority)) {
            location = rest.substr(end);
            return true;
        }
    }
    return false;
}

// A path behind one slash. What follows two of them is an authority, and browsers take '\' for '/'
// and leave tabs out.
std::string_view rooted(Arena& arena, std::string_view path) {
    const std::size_t from = std::min(path.find_first_not_of("/\\\t"), path.size());
    return from == 1 && path.front() == '/' ? path : arena.join("/", path.substr(from));
}

bool ends_segment(std::string_view rest) {
    return rest.empty() || std::string_view("/?#").contains(rest.front());
}

std::string_view without_end(std::string_view text, std::string_view end) {
    return text.ends_with(end) ? text.substr(0, text.size() - end.size()) : text;
}

}  // namespace

std::string_view public_location(Arena& arena, const PublicPlace& place,
                                 std::string_view location) {
    std::string_view path = location;
    if (!take_service(path, place.authority)) {
        return location;
    }
    path = rooted(arena, path);
    if (!path.starts_with(place.base) || !ends_segment(path.substr(place.base.size()))) {
        return path;
    }
    return rooted(arena, arena.join(place.prefix, path.substr(place.base.size())));
}

std::string_view public_location(Exchange& x, std::string_view location) {
    const Route& route = *x.route;
    PublicPlace place{.authority = x.generation.site->services[x.service_index].authority,
                      .base = {},
                      .prefix = {}};
    if (route.prefix && !route.same_path) {
        if (route.rewrite.size() == 1 && route.rewrite.front().parameter < 0) {
            place.base = without_end(route.rewrite.front().text, "/");
            place.prefix = without_end(route.path, "/**");
        } else if (x.transform == nullptr || x.transform->path.empty()) {
            // With the values that this request has.
            place.base = without_end(x.upstream_path, x.rest);
            place.prefix = without_end(x.path, x.rest);
        }
    }
    return public_location(x.memory.arena, place, location);
}

}  // namespace gw::gateway
