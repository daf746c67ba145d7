// What an operator may set about more work than there is room for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/field.hpp"

namespace gw::gateway {

struct TenantShareOptions {
    std::uint32_t weight = 1;
    std::vector<std::string> tenants;
};

template <class Visitor>
void fields(Visitor& field, TenantShareOptions& o) {
    using namespace config;
    field("weight", o.weight, Required{}, Range{1, 1'000},
          "turns of one such tenant for each turn of a tenant that stands in no share");
    field("tenants", o.tenants, "the tenants, by their ids");
}

struct OverloadOptions {
    std::uint32_t memory_max_mb = 0;
    std::map<std::string, TenantShareOptions> shares;
};

inline std::optional<config::Flaw> check_share_name(std::string_view name) {
    if (!name.empty() && name.size() <= 32) {
        return std::nullopt;
    }
    return config::Flaw{"is no name", "use 1 to 32 characters"};
}

template <class Visitor>
void fields(Visitor& field, OverloadOptions& o) {
    using namespace config;
    field("memory_max_mb", o.memory_max_mb, Range{0, 4'194'304},
          "resident memory from which on requests are refused with 503, reads first, health never; "
          "0: the limit of the container, if it has one, which counts sockets as well");
    field("shares", o.shares, Check{check_share_name, "^.{1,32}$"},
          "which tenants get more turns than others where requests wait for a service, by a name "
          "for each group");
}

}  // namespace gw::gateway
