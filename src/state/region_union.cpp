#include "state/region_union.hpp"

#include <algorithm>

#include "state/revoked.hpp"

namespace gw::state {

RegionUnion::RegionUnion(const Clock& clock, Follower& behind, std::size_t peers,
                         PeerChanged changed)
    : clock_(clock), behind_(behind), changed_(std::move(changed)) {
    sources_.push_back(std::make_unique<Source>(*this, std::nullopt));
    for (std::size_t i = 0; i < peers; ++i) {
        sources_.push_back(std::make_unique<Source>(*this, i));
    }
}

void RegionUnion::tell(const std::string& key) {
    std::optional<KnownEntry> entry;
    std::int64_t moment_ms = 0;
    for (const auto& source : sources_) {
        const Held* const held = source->find(key);
        if (held == nullptr || (held->expires && *held->expires <= clock_.wall)) {
            continue;
        }
        if (!entry) {
            entry = KnownEntry{key, held->value, held->expires};
            moment_ms = held->moment_ms;
            continue;
        }
        // Never weaker than either: the later moment, until the later end.
        if (held->moment_ms > moment_ms) {
            entry->value = held->value;
            moment_ms = held->moment_ms;
        }
        if (entry->expires && (!held->expires || *held->expires > *entry->expires)) {
            entry->expires = held->expires;
        }
    }
    if (entry) {
        behind_.known(*entry);
    } else {
        behind_.gone(key);
    }
}

bool RegionUnion::holds(const std::string& key) const {
    return std::ranges::any_of(sources_,
                               [&](const auto& source) { return source->find(key) != nullptr; });
}

const RegionUnion::Held* RegionUnion::Source::find(const std::string& key) const {
    const auto found = held_.find(key);
    return found == held_.end() ? nullptr : &found->second;
}

void RegionUnion::Source::known(const KnownEntry& entry) {
    Held& held = held_[entry.key];
    if (entry.key.starts_with(RevocationWriter::kPrefix)) {
        // What is no time revokes up to the moment at which it was first seen.
        const auto until = parse_revoked_until(entry.value);
        const bool same = held.moment_ms != 0 && held.value == entry.value;
        held.moment_ms =
            until || !same ? until.value_or(epoch_ms(whole_.clock_.wall)) : held.moment_ms;
    }
    held.value = entry.value;
    held.expires = entry.expires;
    held.listing = listing_;
    whole_.tell(entry.key);
}

void RegionUnion::Source::gone(std::string_view key) {
    const std::string name(key);
    if (held_.erase(name) > 0) {
        whole_.tell(name);
    }
}

// Each region's own gateways complain of what stands in its store.
void RegionUnion::Source::no_text(std::string_view key) {
    gone(key);
    if (!peer_ && !whole_.holds(std::string(key))) {
        whole_.behind_.no_text(key);
    }
}

void RegionUnion::Source::listing_ended() {
    std::vector<std::string> lost;
    for (const auto& [key, held] : held_) {
        if (held.listing != listing_) {
            lost.push_back(key);
        }
    }
    for (const std::string& key : lost) {
        gone(key);
    }
}

void RegionUnion::Source::backend_changed(bool available, const char* why) {
    if (peer_) {
        whole_.changed_(*peer_, available, why);
    } else {
        whole_.behind_.backend_changed(available, why);
    }
}

void RegionUnion::Source::refuses(std::string_view what) {
    if (!peer_) {
        whole_.behind_.refuses(what);
    } else if (std::exchange(refused_, !what.empty()) || refused_) {
        whole_.changed_(*peer_, what.empty(), std::string(what).c_str());
    }
}

std::vector<KnownEntry> RegionUnion::Source::everything() {
    std::vector<KnownEntry> entries;
    for (const auto& [key, held] : held_) {
        if (!peer_ && !(held.expires && *held.expires <= whole_.clock_.wall)) {
            entries.push_back({key, held.value, held.expires});
        }
    }
    return entries;
}

}  // namespace gw::state
