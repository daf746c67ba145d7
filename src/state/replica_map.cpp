#include "state/replica_map.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/ensure.hpp"
#include "base/random.hpp"

namespace gw::state {
namespace {

constexpr std::size_t kHeader = 16;
// A delta of this size is copied in less time than a request takes; a larger one is folded, unless
// the base is so large that folding would cost more than it saves.
constexpr std::size_t kDeltaMin = 1'024;

__extension__ using Wide = unsigned __int128;

// Strangers choose some of the keys (a token's id), so the hash has a seed that they do not know.
std::uint64_t seed() {
    static const std::uint64_t kSeed = [] {
        Random random(Random::fresh_seed());
        std::array<char, 16> digits{};
        random.hex(digits.data(), 8);
        std::uint64_t value = 0;
        std::memcpy(&value, digits.data(), sizeof value);
        return value | 1;
    }();
    return kSeed;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t hash_of(std::string_view key) {
    std::uint64_t hash = seed() ^ key.size();
    while (key.size() > 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, key.data(), 8);
        hash = mix(hash ^ word, 0xA0761D6478BD642F);
        key.remove_prefix(8);
    }
    std::uint64_t word = 0;
    if (!key.empty()) {
        std::memcpy(&word, key.data(), key.size());
    }
    return mix(mix(hash ^ word, 0xE7037ED1A0B428DB), seed());
}

std::optional<WallTime> earlier(std::optional<WallTime> a, std::optional<WallTime> b) {
    return !a ? b : !b ? a : std::min(*a, *b);
}

}  // namespace

std::shared_ptr<const ReplicaMap::Base> ReplicaMap::Base::of(
    const std::vector<ReplicaEntry>& entries) {
    auto base = std::make_shared<Base>();
    base->size_ = entries.size();
    std::size_t bytes = 0;
    for (const ReplicaEntry& entry : entries) {
        bytes += kHeader + entry.key.size() + entry.value.size();
    }
    ensure(bytes < std::numeric_limits<std::uint32_t>::max(), "a replica fits 4 GiB");
    base->bytes_.reserve(bytes);
    base->slots_.assign(entries.empty() ? 0 : std::bit_ceil(entries.size() * 4 / 3 + 1), 0);
    const std::size_t mask = base->slots_.size() - 1;
    for (const ReplicaEntry& entry : entries) {
        const auto at = static_cast<std::uint32_t>(base->bytes_.size());
        const std::int64_t ends =
            entry.expires ? entry.expires->time_since_epoch().count() : std::int64_t{0};
        const std::array<std::uint32_t, 2> sizes{static_cast<std::uint32_t>(entry.key.size()),
                                                 static_cast<std::uint32_t>(entry.value.size())};
        const auto append = [&](const void* from, std::size_t size) {
            const char* const begin = static_cast<const char*>(from);
            base->bytes_.insert(base->bytes_.end(), begin, begin + size);
        };
        append(&ends, sizeof ends);
        append(sizes.data(), sizeof sizes);
        append(entry.key.data(), entry.key.size());
        append(entry.value.data(), entry.value.size());
        std::size_t slot = hash_of(entry.key) & mask;
        while (base->slots_[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        base->slots_[slot] = at + 1;
    }
    return base;
}

ReplicaEntry ReplicaMap::Base::entry_at(std::size_t at, std::size_t& next) const {
    std::int64_t ends = 0;
    std::array<std::uint32_t, 2> sizes{};
    std::memcpy(&ends, &bytes_[at], sizeof ends);
    std::memcpy(sizes.data(), &bytes_[at + 8], sizeof sizes);
    const char* const text = bytes_.data() + at + kHeader;
    next = at + kHeader + sizes[0] + sizes[1];
    return {
        .key = {text, sizes[0]},
        .value = {text + sizes[0], sizes[1]},
        .expires = ends != 0 ? std::optional(WallTime(WallTime::duration(ends))) : std::nullopt};
}

std::optional<ReplicaEntry> ReplicaMap::Base::find(std::string_view key) const {
    if (slots_.empty()) {
        return std::nullopt;
    }
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash_of(key) & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
        std::size_t next = 0;
        const ReplicaEntry entry = entry_at(slots_[slot] - 1, next);
        if (entry.key == key) {
            return entry;
        }
    }
    return std::nullopt;
}

ReplicaMap::ReplicaMap()
    : base_([] {
          static const std::shared_ptr<const Base> kNone = Base::of({});
          return kNone;
      }()) {}

std::optional<ReplicaEntry> ReplicaMap::find(std::string_view key, WallTime now) const {
    if (size_ == 0) {
        return std::nullopt;
    }
    std::optional<ReplicaEntry> entry;
    bool decided = false;
    if (delta_) {
        if (const auto change = delta_->find(key); change != delta_->end()) {
            decided = true;
            if (change->second) {
                entry = {change->first, change->second->value, change->second->expires};
            }
        }
    }
    if (!decided) {
        entry = base_->find(key);
    }
    return entry && (!entry->expires || *entry->expires > now) ? entry : std::nullopt;
}

std::size_t ReplicaMap::memory() const {
    std::size_t bytes = base_->memory();
    if (delta_) {
        for (const auto& [key, change] : *delta_) {
            bytes += 96 + key.capacity() + (change ? change->value.capacity() : 0);
        }
    }
    return bytes;
}

ReplicaMap ReplicaMap::with(const Changes& changes) const {
    auto delta = delta_ ? std::make_shared<Delta>(*delta_) : std::make_shared<Delta>();
    for (const auto& [key, value] : changes) {
        (*delta)[key] = value;
    }
    ReplicaMap next = *this;
    next.delta_ = std::move(delta);
    next.size_ = 0;
    if (next.delta_->size() >= std::max(kDeltaMin, base_->size() / 64)) {
        std::vector<ReplicaEntry> entries;
        entries.reserve(base_->size() + next.delta_->size());
        next.each([&](const ReplicaEntry& entry) { entries.push_back(entry); });
        next.base_ = Base::of(entries);
        next.delta_ = nullptr;
    }
    next.size_ = next.base_->size();
    if (next.delta_) {
        for (const auto& [key, change] : *next.delta_) {
            const bool was = next.base_->find(key).has_value();
            next.size_ += change && !was ? 1 : 0;
            next.size_ -= !change && was ? 1 : 0;
        }
    }
    for (const auto& [key, value] : changes) {
        if (value) {
            next.next_expiry_ = earlier(next.next_expiry_, value->expires);
        }
    }
    return next;
}

ReplicaMap ReplicaMap::without_ended(WallTime now) const {
    Changes ended;
    std::optional<WallTime> first;
    each([&](const ReplicaEntry& entry) {
        if (entry.expires && *entry.expires <= now) {
            ended.emplace_back(std::string(entry.key), std::nullopt);
        } else {
            first = earlier(first, entry.expires);
        }
    });
    ReplicaMap next = ended.empty() ? *this : with(ended);
    next.next_expiry_ = first;
    return next;
}

}  // namespace gw::state
