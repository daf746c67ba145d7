#include "state/known.hpp"

#include <charconv>
#include <limits>

namespace gw::state {
namespace {

// 64:ff9b::/96 (RFC 6052): an IPv4 address in IPv6 clothes.
std::optional<IpAddress> translated(const IpAddress& address) {
    constexpr std::array<std::uint8_t, 12> kPrefix{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
    const auto& bytes = address.bytes();
    if (address.is_v4() || !std::equal(kPrefix.begin(), kPrefix.end(), bytes.begin())) {
        return std::nullopt;
    }
    return IpAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

bool covers(const ReplicaMap& revocations, std::string_view key, WallTime issued, WallTime now) {
    const std::optional<ReplicaEntry> entry = revocations.find(key, now);
    if (!entry) {
        return false;
    }
    std::int64_t second = 0;
    const char* const end = entry->value.data() + entry->value.size();
    const auto [stop, error] = std::from_chars(entry->value.data(), end, second);
    if (error != std::errc{} || stop != end) {
        second = std::numeric_limits<std::int64_t>::max();  // see KnownState: never passed on
    }
    return std::chrono::duration_cast<std::chrono::seconds>(issued.time_since_epoch()).count() <=
           second;
}

}  // namespace

BlockKey block_key(const IpAddress& address, unsigned bits) {
    BlockKey key{};
    key[0] = address.is_v4() ? '4' : '6';
    key[1] = static_cast<char>(bits);
    for (unsigned i = 0; i < bits / 8; ++i) {
        key[2 + i] = static_cast<char>(address.bytes()[i]);
    }
    if (bits % 8 != 0) {
        const unsigned mask = 0xFFU << (8 - bits % 8) & 0xFF;
        key[2 + bits / 8] = static_cast<char>(address.bytes()[bits / 8] & mask);
    }
    return key;
}

bool Known::address_banned(const IpAddress& address, WallTime now) const {
    if (addresses.empty()) {
        return false;
    }
    const auto held = [&](const IpAddress& ip, unsigned bits) {
        const BlockKey key = block_key(ip, bits);
        return addresses.find({key.data(), key.size()}, now).has_value();
    };
    const IpAddress ip = translated(address).value_or(address);
    for (unsigned bits = ip.is_v4() ? 33 : 129; bits-- > 0;) {
        const bool present = ip.is_v4() ? v4_lengths[bits] : v6_lengths[bits];
        if (present && held(ip, bits)) {
            return true;
        }
    }
    return false;
}

bool Known::revoked(std::string_view id, std::string_view user, std::string_view tenant,
                    WallTime issued, WallTime now) const {
    return (!id.empty() && revoked_tokens.find(id, now)) ||
           covers(revoked_users, user, issued, now) ||
           covers(revoked_tenants, tenant, issued, now) || covers(revoked_all, "", issued, now);
}

}  // namespace gw::state
