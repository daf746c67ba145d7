#include "state/known_state.hpp"

#include <algorithm>
#include <charconv>

namespace gw::state {
namespace {

struct Kind {
    std::string_view prefix;
    ReplicaMap Known::* map;
};

const std::array<Kind, 7> kKinds{{
    {"banned:ip:", &Known::addresses},
    {"banned:user:", &Known::banned_users},
    {"banned:tenant:", &Known::banned_tenants},
    {"revoked:jti:", &Known::revoked_tokens},
    {"revoked:user:", &Known::revoked_users},
    {"revoked:tenant:", &Known::revoked_tenants},
    {"revoked:all", &Known::revoked_all},
}};

bool is_moment(ReplicaMap Known::* map) {
    return map == &Known::revoked_users || map == &Known::revoked_tenants ||
           map == &Known::revoked_all;
}

}  // namespace

std::optional<KnownState::Place> KnownState::place_of(std::string_view key, bool complain) {
    for (const Kind& kind : kKinds) {
        if (!key.starts_with(kind.prefix)) {
            continue;
        }
        const std::string_view rest = key.substr(kind.prefix.size());
        if (kind.map == &Known::addresses) {
            const std::optional<Cidr> block = Cidr::parse(rest);
            if (!block) {
                break;
            }
            const BlockKey bytes = block_key(block->base, block->bits);
            return Place{kind.map, std::string(bytes.data(), bytes.size())};
        }
        if (rest.empty() != (kind.map == &Known::revoked_all)) {
            break;
        }
        return Place{kind.map, std::string(rest)};
    }
    if (complain) {
        complain_(key, "it names no address, block, user, tenant or token");
    }
    return std::nullopt;
}

// A moment is epoch seconds. What is none revokes everything up to now: whoever wrote it meant to
// revoke. Milliseconds are a slip that is understood.
std::string KnownState::value_for(const KnownEntry& entry, const Place& place) {
    if (!is_moment(place.map)) {
        return entry.value == "1" ? std::string{} : entry.value;
    }
    constexpr std::int64_t kMillisFrom = 100'000'000'000;  // as seconds, the year 5138
    std::int64_t moment = 0;
    const char* const end = entry.value.data() + entry.value.size();
    const auto [stop, error] = std::from_chars(entry.value.data(), end, moment);
    if (error == std::errc{} && stop == end && moment >= 0) {
        return std::to_string(moment >= kMillisFrom ? moment / 1'000 : moment);
    }
    complain_(entry.key, "its value is no time in epoch seconds: everything up to now is revoked");
    return std::to_string(epoch_ms(loop_.clock().wall) / 1'000);
}

void KnownState::known(const KnownEntry& entry) {
    const std::optional<Place> place = place_of(entry.key, true);
    if (!place) {
        return;
    }
    if (listed_) {
        listed_->insert_or_assign(entry.key, ReplicaMap::Value{entry.value, entry.expires});
    }
    const auto [at, fresh] = entries_.try_emplace(entry.key);
    if (!fresh && at->second.value == entry.value && at->second.expires == entry.expires) {
        return;
    }
    if (fresh && place->map == &Known::addresses) {
        const auto bits = static_cast<unsigned char>(place->key[1]);
        ++(place->key[0] == '4' ? v4_counts_[bits] : v6_counts_[bits]);
    }
    // A value that has to be guessed is guessed once.
    const bool same_value = !fresh && at->second.value == entry.value;
    at->second = {entry.value, entry.expires};
    std::string value = same_value && is_moment(place->map) ? [&] {
        const auto old = (known_.*(place->map)).find(place->key, {});
        return old ? std::string(old->value) : value_for(entry, *place);
    }()
                                                            : value_for(entry, *place);
    change(*place, ReplicaMap::Value{std::move(value), entry.expires});
}

void KnownState::gone(std::string_view key) {
    const auto at = entries_.find(std::string(key));
    if (at == entries_.end()) {
        return;
    }
    entries_.erase(at);
    if (listed_) {
        listed_->erase(std::string(key));
    }
    if (const std::optional<Place> place = place_of(key, false)) {
        if (place->map == &Known::addresses) {
            const auto bits = static_cast<unsigned char>(place->key[1]);
            --(place->key[0] == '4' ? v4_counts_[bits] : v6_counts_[bits]);
        }
        change(*place, std::nullopt);
    }
}

void KnownState::listing_began() {
    listed_.emplace();
}

void KnownState::listing_ended() {
    if (!listed_) {
        return;
    }
    std::vector<std::string> lost;
    for (const auto& [key, value] : entries_) {
        if (!listed_->contains(key)) {
            lost.push_back(key);
        }
    }
    listed_.reset();
    for (const std::string& key : lost) {
        gone(key);
    }
}

std::vector<KnownEntry> KnownState::everything() {
    std::vector<KnownEntry> all;
    const WallTime now = loop_.clock().wall;
    for (const auto& [key, value] : entries_) {
        if (!value.expires || *value.expires > now) {
            all.push_back({key, value.value, value.expires});
        }
    }
    return all;
}

void KnownState::change(const Place& place, std::optional<ReplicaMap::Value> value) {
    auto changes = std::ranges::find(pending_, place.map, &decltype(pending_)::value_type::first);
    if (changes == pending_.end()) {
        changes = pending_.insert(pending_.end(), {place.map, {}});
    }
    changes->second.emplace_back(place.key, std::move(value));
    changed_later();
}

// Many changes of one turn make one snapshot.
void KnownState::changed_later() {
    if (!queued_) {
        queued_ = true;
        loop_.at_end_of_turn(later_);
    }
}

void KnownState::publish() {
    queued_ = false;
    for (const auto& [map, changes] : std::exchange(pending_, {})) {
        known_.*map = (known_.*map).with(changes);
    }
    for (std::size_t i = 0; i < v4_counts_.size(); ++i) {
        known_.v4_lengths[i] = v4_counts_[i] > 0;
    }
    for (std::size_t i = 0; i < v6_counts_.size(); ++i) {
        known_.v6_lengths[i] = v6_counts_[i] > 0;
    }
    publish_(std::make_shared<const Known>(known_));
}

}  // namespace gw::state
