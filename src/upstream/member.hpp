// An endpoint of a service as configuration, DNS and active checks know it.
#pragma once

#include "net/stream.hpp"

namespace gw::upstream {

struct Member {
    net::Address address;
    std::uint32_t weight = 1;  // as configured; 0: gets nothing
    bool in_zone = true;       // in ours, or there are none
    bool well = true;          // by active checks
    auto operator<=>(const Member&) const = default;
};

}  // namespace gw::upstream
