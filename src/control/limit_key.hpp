// Keys of rate limits as people read them, and whose key is whose. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limits/policy.hpp"

namespace gw::control {

// Of "general:u=42|t=acme": "user 42, tenant acme". What has the form of an address of e-mail and
// keys of machines are shown in part, and what stands there as a hash as "(hashed)".
std::string readable_key(std::string_view key);
// Its policy: "general".
std::string_view policy_of_key(std::string_view key);

// Somebody whose counts are asked for.
struct LimitedOne {
    enum class Kind : std::uint8_t { user, tenant, api_key, address };
    Kind kind = Kind::user;
    std::string who;

    // kind: "user", "tenant", "api-key" or "ip". Nothing: there is no such, or it names nobody.
    static std::optional<LimitedOne> parse(std::string_view kind, const std::string& who);
};

// The part of a key that stands for somebody: "u=42".
std::string key_part_of(const LimitedOne& one);
// Does this key count for that one?
bool counts_for(std::string_view key, std::string_view part);
// The keys under which a policy counts that one, as far as they follow from who it is; routes: the
// templates of those that have the policy.
std::vector<std::string> keys_for(const limits::Policy& policy, const LimitedOne& one,
                                  const std::vector<std::string>& routes);

}  // namespace gw::control
