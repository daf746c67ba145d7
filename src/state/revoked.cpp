#include "state/revoked.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/text.hpp"

namespace gw::state {
namespace {

constexpr std::string_view kJti = "jti:";
constexpr std::string_view kUser = "user:";
constexpr std::string_view kTenant = "tenant:";
constexpr std::string_view kAll = "all";

constexpr std::int64_t kLeastMs = 1'000'000'000'000;    // 2001-09-09; 1 and 0 are no times
constexpr std::uint64_t kMsFrom = 100'000'000'000;      // as seconds, the year 5138
constexpr std::uint64_t kMicrosFrom = kMsFrom * 1'000;  // as milliseconds, the same
constexpr Millis kSoon = std::chrono::minutes(5);       // clocks differ, but not by so much

// Maps keep the moment before the value as it came.
constexpr std::size_t kMomentSize = sizeof(std::int64_t);

std::string pack(std::int64_t until_ms, std::string_view value) {
    std::string packed(kMomentSize, '\0');
    std::memcpy(packed.data(), &until_ms, kMomentSize);
    packed += value;
    return packed;
}

std::int64_t until_of(std::string_view packed) {
    std::int64_t until_ms = 0;
    std::memcpy(&until_ms, packed.data(), kMomentSize);
    return until_ms;
}

bool is_over(const ReplicaMap& map, std::string_view name, std::int64_t issued_ms, WallTime now) {
    const auto found = map.find(name, now);
    return found && issued_ms <= until_of(found->value);
}

std::string key_of(std::string_view kind, std::string_view name) {
    std::string key(RevocationWriter::kPrefix);
    key += kind;
    key += name;
    return key;
}

}  // namespace

std::string_view name_of(RevokedBy by) {
    switch (by) {
        case RevokedBy::jti:
            return "jti";
        case RevokedBy::user:
            return "user";
        case RevokedBy::tenant:
            return "tenant";
        case RevokedBy::all:
            return "all";
    }
    return "";
}

std::optional<std::int64_t> parse_revoked_until(std::string_view value) {
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) {
        value.remove_suffix(1);
    }
    value = trim_ows(value);
    const std::size_t point = value.find('.');
    auto number = parse_decimal(value.substr(0, point));
    if (!number) {
        return std::nullopt;
    }
    std::int64_t fraction_ms = 0;
    if (point != std::string_view::npos) {
        const std::string_view digits = value.substr(point + 1);
        if (digits.empty() || !std::ranges::all_of(digits, is_digit)) {
            return std::nullopt;
        }
        for (std::size_t i = 0; i < 3; ++i) {
            fraction_ms = fraction_ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
        }
    }
    std::int64_t ms = 0;
    if (*number < kMsFrom) {
        ms = static_cast<std::int64_t>(*number) * 1000 + fraction_ms;
    } else {
        while (*number >= kMicrosFrom) {
            *number /= 1000;
        }
        ms = static_cast<std::int64_t>(*number);
    }
    return ms < kLeastMs ? std::nullopt : std::optional(ms);
}

std::string revoked_until_text(std::int64_t until_ms) {
    const std::string fraction = std::to_string(1'000 + until_ms % 1'000);
    return std::to_string(until_ms / 1'000) + "." + fraction.substr(1);
}

std::optional<RevokedBy> Revocations::check_each(std::string_view jti, std::string_view sub,
                                                 std::string_view tenant, WallTime issued_at,
                                                 WallTime now) const {
    const std::int64_t issued_ms = epoch_ms(issued_at);
    if (is_over(everybody_, {}, issued_ms, now)) {
        return RevokedBy::all;
    }
    if (jtis_.find(jti, now)) {
        return RevokedBy::jti;
    }
    if (is_over(users_, sub, issued_ms, now)) {
        return RevokedBy::user;
    }
    if (is_over(tenants_, tenant, issued_ms, now)) {
        return RevokedBy::tenant;
    }
    return std::nullopt;
}

RevocationWriter::RevocationWriter(std::uint64_t seed)
    : jtis_(seed), users_(seed), tenants_(seed), everybody_(seed) {}

RevocationWriter::Place RevocationWriter::place_of(std::string_view rest) {
    if (rest == kAll) {
        return {&everybody_, {}};
    }
    for (const auto& [kind, map] :
         {std::pair{kJti, &jtis_}, std::pair{kUser, &users_}, std::pair{kTenant, &tenants_}}) {
        if (rest.starts_with(kind) && rest.size() > kind.size()) {
            return {map, rest.substr(kind.size())};
        }
    }
    return {};
}

Taken RevocationWriter::set(std::string_view rest, std::string_view value,
                            std::optional<WallTime> expires, WallTime now) {
    const Place place = place_of(rest);
    if (place.map == nullptr) {
        return {false,
                "revokes nothing: revoked:all, or revoked:jti:, revoked:user:, revoked:tenant: and "
                "whose"};
    }
    if (place.map == &jtis_) {
        return {jtis_.set(place.name, value, expires) != ReplicaWriter::Set::same};
    }
    return set_until(place, value, expires, now);
}

Taken RevocationWriter::set_until(Place place, std::string_view value,
                                  std::optional<WallTime> expires, WallTime now) {
    const auto read = parse_revoked_until(value);
    std::int64_t until_ms = read.value_or(epoch_ms(now));
    Taken taken;
    if (!read) {
        taken.complaint =
            "is no time in epoch seconds: what was issued until this was seen is revoked";
        const auto before = place.map->known(place.name);
        if (before && before->in_force(now) && before->value.substr(kMomentSize) == value) {
            until_ms = until_of(before->value);
        }
        taken.moment_ms = until_ms;
    } else if (until_ms > epoch_ms(now) + kSoon.count()) {
        taken.complaint = "is a time to come: tokens are revoked until then, new ones too";
    }
    taken.changed =
        place.map->set(place.name, pack(until_ms, value), expires) != ReplicaWriter::Set::same;
    return taken;
}

bool RevocationWriter::erase(std::string_view rest) {
    const Place place = place_of(rest);
    return place.map != nullptr && place.map->erase(place.name);
}

void RevocationWriter::for_each(const Visit& visit) const {
    jtis_.for_each([&visit](std::string_view name, const ReplicaValue& entry) {
        visit({key_of(kJti, name), std::string(entry.value), entry.expires});
    });
    for (const auto& [kind, map] :
         {std::pair{kUser, &users_}, std::pair{kTenant, &tenants_}, std::pair{kAll, &everybody_}}) {
        map->for_each([&visit, kind](std::string_view name, const ReplicaValue& entry) {
            visit(
                {key_of(kind, name), std::string(entry.value.substr(kMomentSize)), entry.expires});
        });
    }
}

Revocations RevocationWriter::commit() {
    Revocations revocations(0);
    revocations.jtis_ = jtis_.commit();
    revocations.users_ = users_.commit();
    revocations.tenants_ = tenants_.commit();
    revocations.everybody_ = everybody_.commit();
    return revocations;
}

void RevocationWriter::drop_expired(WallTime now) {
    for (ReplicaWriter* map : {&jtis_, &users_, &tenants_, &everybody_}) {
        map->drop_expired(now);
    }
}

WallTime RevocationWriter::earliest_end() const {
    return std::min({jtis_.earliest_end(), users_.earliest_end(), tenants_.earliest_end(),
                     everybody_.earliest_end()});
}

}  // namespace gw::state
