// What is known of bans and revocations: an immutable snapshot, read by every request, published by
// the control thread whenever the store changes. Any thread; nothing allocates.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.hpp"
#include "state/replica_map.hpp"

namespace gw::state {

// The key of an address or block in `addresses`: family, prefix length, and the bytes that count.
using BlockKey = std::array<char, 18>;
BlockKey block_key(const IpAddress& address, unsigned bits);

struct Known {
    ReplicaMap addresses;        // by BlockKey
    std::bitset<33> v4_lengths;  // prefix lengths that some ban has
    std::bitset<129> v6_lengths;
    ReplicaMap banned_users;
    ReplicaMap banned_tenants;
    ReplicaMap revoked_tokens;   // by jti
    ReplicaMap revoked_users;    // the value: epoch seconds
    ReplicaMap revoked_tenants;  // the same
    ReplicaMap revoked_all;      // under ""

    // `banned:ip:…`, the longest prefix first.
    [[nodiscard]] bool address_banned(const IpAddress& address, WallTime now) const;
    [[nodiscard]] bool user_banned(std::string_view user, WallTime now) const {
        return banned_users.find(user, now).has_value();
    }
    [[nodiscard]] bool tenant_banned(std::string_view tenant, WallTime now) const {
        return banned_tenants.find(tenant, now).has_value();
    }
    // A token that was issued at or before a revocation of its owner's is revoked, and so is one
    // whose id is.
    [[nodiscard]] bool revoked(std::string_view id, std::string_view user, std::string_view tenant,
                               WallTime issued, WallTime now) const;
};

}  // namespace gw::state
