// Who is banned: addresses and blocks of them, users, tenants. Bans is what requests ask, an
// immutable version; BanWriter is what the control thread keeps it with.
//
//     banned:ip:203.0.113.7     banned:ip:2001:db8::/32     banned:user:<sub> banned:tenant:<id>
//
// A ban holds as long as its key exists; only the key's time to live ends it, whatever the value
// says.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "state/banned_value.hpp"
#include "state/replica_map.hpp"
#include "state/store.hpp"
#include "state/taken.hpp"

namespace gw::state {

struct BanView {
    // As it was given, at most kReasonMax bytes; empty: none given. Any bytes: escape it.
    std::string_view reason;
    std::optional<WallTime> until;  // none: no end
    bool by_hand = false;           // not written by the gateway
};

inline constexpr std::size_t kReasonMax = 512;

// Any thread. Views live as long as the Bans.
class Bans {
  public:
    explicit Bans(std::uint64_t seed) : addresses_(seed), users_(seed), tenants_(seed) {}

    // The ban of the smallest block that holds the address. In any form: mapped and NAT64 addresses
    // are the IPv4 address.
    [[nodiscard]] std::optional<BanView> by_address(const IpAddress& address, WallTime now) const {
        if (addresses_.empty()) {
            return std::nullopt;
        }
        return by_any_form(address, now);
    }
    [[nodiscard]] std::optional<BanView> by_user(std::string_view sub, WallTime now) const;
    [[nodiscard]] std::optional<BanView> by_tenant(std::string_view id, WallTime now) const;
    // With those whose time is over.
    [[nodiscard]] std::size_t size() const {
        return addresses_.size() + users_.size() + tenants_.size();
    }
    // What an address costs at most: one search for each length of prefix that is banned.
    [[nodiscard]] std::size_t searches_most() const { return std::max(v4_.count, v6_.count); }
    [[nodiscard]] std::size_t memory_bytes() const {
        return addresses_.memory_bytes() + users_.memory_bytes() + tenants_.memory_bytes();
    }

  private:
    friend class BanWriter;
    // The lengths of the prefixes that are banned, longest first: one search each.
    struct Lengths {
        std::array<std::uint8_t, 129> bits{};
        std::size_t count = 0;
    };
    [[nodiscard]] std::optional<BanView> by_any_form(const IpAddress& address, WallTime now) const;
    [[nodiscard]] std::optional<BanView> by_prefix(const IpAddress& address, WallTime now) const;

    ReplicaMap addresses_;
    ReplicaMap users_;
    ReplicaMap tenants_;
    Lengths v4_;
    Lengths v6_;
};

// A ban as operators see it.
struct BanRecord {
    std::string key;  // as it stands in the store
    BanNote note;     // until: when the key ends, whatever its value says
    // A literal: "" if nothing is wrong.
    const char* warning = "";
};

struct BanList {
    std::vector<BanRecord> bans;  // of those in force, as many as were asked for
    std::size_t total = 0;        // of all in force
    std::size_t endless = 0;
    std::size_t by_hand = 0;
};

// One thread.
class BanWriter {
  public:
    static constexpr std::string_view kPrefix = "banned:";
    using Visit = std::function<void(const KnownEntry& entry)>;

    explicit BanWriter(std::uint64_t seed);

    // rest: what follows kPrefix, here and below.
    Taken set(std::string_view rest, std::string_view value, std::optional<WallTime> expires);
    // False: it was not known.
    bool erase(std::string_view rest);
    // Every key as it was told, with those whose time is over.
    void for_each(const Visit& visit) const;
    Bans commit();
    void drop_expired(WallTime now);
    [[nodiscard]] WallTime earliest_end() const;
    // The keys that ban this block in other than its one spelling.
    [[nodiscard]] std::vector<std::string> other_spellings(const Cidr& block) const;
    // Looks at every ban: a million take some 100 ms.
    [[nodiscard]] BanList list(WallTime now, std::size_t most) const;

  private:
    struct Spelling {
        std::string value;
        std::optional<WallTime> expires;
    };
    using Spellings = std::map<std::string, Spelling, std::less<>>;

    bool set_block(const Cidr& block, std::string_view text, std::string_view value,
                   std::optional<WallTime> expires);
    bool erase_block(const Cidr& block, std::string_view text);
    bool keep(const Cidr& block, std::string_view value, std::optional<WallTime> expires);
    bool keep_longest(const Cidr& block, const Spellings& spellings);
    bool forget(const Cidr& block);
    void count_lengths();

    ReplicaWriter addresses_;  // by block
    ReplicaWriter users_;
    ReplicaWriter tenants_;
    // Blocks that are banned by keys in other than the one spelling, with all of their keys: the
    // one that ends last stands in addresses_, and is there until the last of them is gone.
    std::map<std::string, Spellings, std::less<>> spelled_;
    std::array<std::size_t, 33> v4_counts_{};
    std::array<std::size_t, 129> v6_counts_{};
};

}  // namespace gw::state
