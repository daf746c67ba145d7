// Which tokens are good no longer. Revocations is what requests ask, an immutable version;
// RevocationWriter is what the control thread keeps it with.
//
//     revoked:jti:<jti>                                       that token, whatever the value
//     revoked:user:<sub>   revoked:tenant:<id>   revoked:all  tokens issued at or before the value
//
// The value is epoch seconds, with or without a fraction; milliseconds, micro- and nanoseconds are
// known by their size. A value that is no time after 2001 revokes whatever was issued up to the
// moment at which it was first seen: whoever wrote it meant to revoke, and it must not keep people
// from signing in again. Whoever has seen it first writes that moment in its place.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "state/replica_map.hpp"
#include "state/store.hpp"
#include "state/taken.hpp"

namespace gw::state {

enum class RevokedBy : std::uint8_t { jti, user, tenant, all };

// "jti", "user", "tenant", "all".
std::string_view name_of(RevokedBy by);

// The moment in milliseconds of the epoch up to which tokens are revoked. Nothing if the value is
// no time after 2001.
std::optional<std::int64_t> parse_revoked_until(std::string_view value);
// The value that says so: epoch seconds with their fraction.
std::string revoked_until_text(std::int64_t until_ms);

// Any thread.
class Revocations {
  public:
    explicit Revocations(std::uint64_t seed)
        : jtis_(seed), users_(seed), tenants_(seed), everybody_(seed) {}

    // Is a token with these claims revoked, and by what? Texts may be empty: a claim that the token
    // does not have.
    [[nodiscard]] std::optional<RevokedBy> check(std::string_view jti, std::string_view sub,
                                                 std::string_view tenant, WallTime issued_at,
                                                 WallTime now) const {
        if (size() == 0) {
            return std::nullopt;
        }
        return check_each(jti, sub, tenant, issued_at, now);
    }
    // With those whose time is over.
    [[nodiscard]] std::size_t size() const {
        return jtis_.size() + users_.size() + tenants_.size() + everybody_.size();
    }
    [[nodiscard]] std::size_t memory_bytes() const {
        return jtis_.memory_bytes() + users_.memory_bytes() + tenants_.memory_bytes();
    }

  private:
    friend class RevocationWriter;
    [[nodiscard]] std::optional<RevokedBy> check_each(std::string_view jti, std::string_view sub,
                                                      std::string_view tenant, WallTime issued_at,
                                                      WallTime now) const;

    ReplicaMap jtis_;
    ReplicaMap users_;
    ReplicaMap tenants_;
    ReplicaMap everybody_;  // at most one entry
};

// One thread.
class RevocationWriter {
  public:
    static constexpr std::string_view kPrefix = "revoked:";
    using Visit = std::function<void(const KnownEntry& entry)>;

    explicit RevocationWriter(std::uint64_t seed);

    // rest: what follows kPrefix, here and below.
    Taken set(std::string_view rest, std::string_view value, std::optional<WallTime> expires,
              WallTime now);
    // False: it was not known.
    bool erase(std::string_view rest);
    // Every key as it was told, with those whose time is over.
    void for_each(const Visit& visit) const;
    Revocations commit();
    void drop_expired(WallTime now);
    [[nodiscard]] WallTime earliest_end() const;

  private:
    struct Place {
        ReplicaWriter* map = nullptr;  // null: the key is of no kind that there is
        std::string_view name;
    };
    Place place_of(std::string_view rest);
    static Taken set_until(Place place, std::string_view value, std::optional<WallTime> expires,
                           WallTime now);

    ReplicaWriter jtis_;
    ReplicaWriter users_;
    ReplicaWriter tenants_;
    ReplicaWriter everybody_;
};

}  // namespace gw::state
