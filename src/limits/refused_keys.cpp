#include "limits/refused_keys.hpp"

#include <algorithm>
#include <functional>

namespace gw::limits {

void RefusedKeys::age(Instant now) {
    if (now - aged_ < kHalfLife) {
        return;
    }
    const auto halvings = std::min<std::int64_t>((now - aged_) / kHalfLife, 31);
    aged_ = now;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        entries_[i].refused >>= halvings;
        if (entries_[i].refused > 0) {
            if (kept != i) {
                entries_[kept] = std::move(entries_[i]);
                hashes_[kept] = hashes_[i];
            }
            ++kept;
        }
    }
    entries_.resize(kept);
}

void RefusedKeys::note(std::string_view key, Instant now) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) {
        return;
    }
    age(now);
    const std::size_t hash = std::hash<std::string_view>{}(key);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (hashes_[i] == hash && entries_[i].key == key) {
            ++entries_[i].refused;
            entries_[i].last = now;
            return;
        }
    }
    if (entries_.size() < kKeysMax) {
        hashes_[entries_.size()] = hash;
        entries_.push_back({std::string(key), 1, now});
        return;
    }
    const auto least = std::ranges::min_element(entries_, {}, &Entry::refused);
    hashes_[static_cast<std::size_t>(least - entries_.begin())] = hash;
    least->key.assign(key);
    ++least->refused;
    least->last = now;
}

std::vector<RefusedKeys::Entry> RefusedKeys::list(Instant now) {
    std::vector<Entry> out;
    {
        const std::scoped_lock lock(mutex_);
        age(now);
        out = entries_;
    }
    std::ranges::sort(out, [](const Entry& a, const Entry& b) {
        return a.refused != b.refused ? a.refused > b.refused : a.key < b.key;
    });
    return out;
}

void RefusedKeys::forget(std::string_view key) {
    const std::scoped_lock lock(mutex_);
    const auto at = std::ranges::find(entries_, key, &Entry::key);
    if (at == entries_.end()) {
        return;
    }
    const auto index = static_cast<std::size_t>(at - entries_.begin());
    hashes_[index] = hashes_[entries_.size() - 1];
    if (index + 1 < entries_.size()) {
        *at = std::move(entries_.back());
    }
    entries_.pop_back();
}

}  // namespace gw::limits
