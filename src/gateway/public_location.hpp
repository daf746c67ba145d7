// Places that services name in Location and Content-Location (RFC 9110, 10.2.2 and 8.7): one that
// is the service itself would lead clients past the gateway, and tells of what is behind it.
#pragma once

#include <string_view>

#include "base/arena.hpp"

namespace gw::gateway {

struct Exchange;

// Where a service is, as itself and as clients see it.
struct PublicPlace {
    std::string_view authority;  // host and port, as requests to the service say
    std::string_view base;       // of the service's paths, what becomes `prefix`; "" with it: all
    std::string_view prefix;     // of the gateway's
};

// What clients are told instead of a location that names the service, however it is written: a path
// of the gateway's, which names no other authority to whoever reads it. Any other location is given
// back. The result is in the arena, or a part of what was given. Pure.
std::string_view public_location(Arena& arena, const PublicPlace& place, std::string_view location);

// The same for an answer to this request, which has a route and a service. The worker of the
// exchange.
std::string_view public_location(Exchange& x, std::string_view location);

}  // namespace gw::gateway
