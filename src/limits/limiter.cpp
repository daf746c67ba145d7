#include "limits/limiter.hpp"

#include <sched.h>

#include <algorithm>

#include "base/random.hpp"

namespace gw::limits {
namespace {

constexpr std::size_t kSetsMin = 2;
// Longer than any holder needs, so whoever spins so long waits for a thread that is not running.
constexpr int kSpins = 200;

// Tells the processor that this is a spin.
void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// More is worth more. Half of the limit is where a key begins to be worth keeping for its use.
std::uint64_t worth(const Window& window, Instant now) {
    if (window.is_over(now)) {
        return 0;
    }
    constexpr std::uint8_t kHalf = 128;
    const std::uint64_t use = window.load() < kHalf ? 0 : window.load();
    return (use << 32U) | window.until_s();
}

std::uint64_t mix(std::uint64_t word) {
    word = (word ^ (word >> 32U)) * 0x9E3779B97F4A7C15ULL;
    return word ^ (word >> 29U);
}

std::size_t scaled(std::uint32_t bits, std::size_t count) {
    return static_cast<std::size_t>((std::uint64_t{bits} * count) >> 32U);
}

}  // namespace

class Limiter::Lock {
  public:
    explicit Lock(Shard& shard) : shard_(shard) {
        while (shard_.taken.exchange(true, std::memory_order_acquire)) {
            for (int i = 0; i < kSpins && shard_.taken.load(std::memory_order_relaxed); ++i) {
                pause();
            }
            if (shard_.taken.load(std::memory_order_relaxed)) {
                ::sched_yield();
            }
        }
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() { shard_.taken.store(false, std::memory_order_release); }

  private:
    Shard& shard_;
};

Limiter::Limiter(std::size_t bytes, std::uint64_t seed)
    : sets_(std::max(bytes / kShards / (sizeof(Set) + kWays * sizeof(Entry)), kSetsMin)),
      tags_(std::make_unique<Set[]>(kShards * sets_)),
      entries_(std::make_unique_for_overwrite<Entry[]>(kShards * sets_ * kWays)) {
    static_assert(sizeof(Entry) == 64);
    Random random(seed);
    secret_ = {random.next(), random.next()};
}

std::size_t Limiter::room() const {
    return kShards * sets_ * kWays;
}

Limiter::Place Limiter::place_of(std::uint64_t hash) const {
    Place place;
    place.shard = hash % kShards;
    const std::uint64_t spread = mix(hash);
    place.sets = {place.shard * sets_ + scaled(static_cast<std::uint32_t>(hash >> 32U), sets_),
                  place.shard * sets_ + scaled(static_cast<std::uint32_t>(spread >> 32U), sets_)};
    place.tag = static_cast<std::uint16_t>(std::max<std::uint64_t>((hash >> 8U) & 0xFFFFU, 1));
    // Both are read by most calls, one of them for nothing: better at the same time.
    __builtin_prefetch(&tags_[place.sets[0]]);
    __builtin_prefetch(&tags_[place.sets[1]]);
    return place;
}

Limiter::Entry* Limiter::find(const Place& place, std::uint64_t hash) const {
    for (const std::size_t set : place.sets) {
        for (std::size_t way = 0; way < kWays; ++way) {
            if (tags_[set].tags[way] == place.tag) {
                Entry& entry = entries_[set * kWays + way];
                if (entry.hash == hash) {
                    return &entry;
                }
            }
        }
    }
    return nullptr;
}

// The keys of a shard up to which it is likely that one of sixteen can move.
std::size_t Limiter::worth_moving() const {
    return sets_ * kWays - sets_ * kWays / 256;
}

// One of the sixteen goes to its other set, if that has room: the place that it leaves.
std::optional<std::size_t> Limiter::move_one(const Place& place) {
    for (const std::size_t set : place.sets) {
        for (std::size_t at = set * kWays; at < (set + 1) * kWays; ++at) {
            const Place its = place_of(entries_[at].hash);
            const std::size_t other = its.sets[its.sets[0] == set ? 1 : 0];
            auto& tags = tags_[other].tags;
            if (const auto free = std::ranges::find(tags, 0); free != tags.end()) {
                *free = its.tag;
                entries_[other * kWays + static_cast<std::size_t>(free - tags.begin())] =
                    entries_[at];
                return at;
            }
        }
    }
    return std::nullopt;
}

Limiter::Entry& Limiter::make_room(const Place& place, std::uint64_t hash, Instant now) {
    Counts& counts = shards_[place.shard].counts;
    std::size_t chosen = 0;
    std::ptrdiff_t most_free = 0;
    for (const std::size_t set : place.sets) {
        const auto& tags = tags_[set].tags;
        const std::ptrdiff_t free = std::ranges::count(tags, 0);
        if (free > most_free) {
            most_free = free;
            chosen =
                set * kWays + static_cast<std::size_t>(std::ranges::find(tags, 0) - tags.begin());
        }
    }
    if (most_free > 0) {
        ++counts.keys;
    } else {
        std::uint64_t least = UINT64_MAX;
        for (const std::size_t set : place.sets) {
            for (std::size_t at = set * kWays; at < (set + 1) * kWays; ++at) {
                const std::uint64_t value = worth(entries_[at].window, now);
                if (value < least) {
                    least = value;
                    chosen = at;
                }
            }
        }
        if (least > 0 && counts.keys < worth_moving()) {
            if (const auto freed = move_one(place)) {
                chosen = *freed;
                least = 0;
                ++counts.keys;
            }
        }
        counts.pushed_out += least > 0 ? 1 : 0;
        counts.blocked_out += least >> 32U == Window::kBlocked ? 1 : 0;
    }
    tags_[chosen / kWays].tags[chosen % kWays] = place.tag;
    entries_[chosen] = Entry{hash, Window{}};
    return entries_[chosen];
}

template <class Change>
auto Limiter::change(std::string_view key, const Quota& quota, Instant now, const Change& by) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    const Place place = place_of(hash);
    const Lock lock(shards_[place.shard]);
    Entry* entry = find(place, hash);
    if (entry == nullptr) {
        entry = &make_room(place, hash, now);
    }
    return by(entry->window);
}

Outcome Limiter::take(std::string_view key, const Quota& quota, Instant now) {
    return change(key, quota, now, [&](Window& window) { return window.take(quota, now); });
}

bool Limiter::count(std::string_view key, const Quota& quota, Instant now) {
    return change(key, quota, now, [&](Window& window) { return window.count(quota, now); });
}

void Limiter::block_for(std::string_view key, const Quota& quota, Instant::duration rest,
                        Instant now) {
    change(key, quota, now, [&](Window& window) { window.block_for(quota, rest, now); });
}

Outcome Limiter::look(std::string_view key, const Quota& quota, Instant now) const {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    const Place place = place_of(hash);
    const Lock lock(shards_[place.shard]);
    const Entry* const entry = find(place, hash);
    return entry == nullptr ? Window{}.look(quota, now) : entry->window.look(quota, now);
}

void Limiter::give_back(std::string_view key, const Quota& quota, Instant taken, Instant now) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    const Place place = place_of(hash);
    const Lock lock(shards_[place.shard]);
    if (Entry* const entry = find(place, hash)) {
        entry->window.give_back(quota, taken, now);
    }
}

void Limiter::forget(std::string_view key, const Quota& quota) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    const Place place = place_of(hash);
    const Lock lock(shards_[place.shard]);
    if (Entry* const entry = find(place, hash)) {
        entry->window = Window{};
    }
}

Limiter::Counts Limiter::counts() const {
    Counts sum;
    for (Shard& shard : shards_) {
        const Lock lock(shard);
        sum.keys += shard.counts.keys;
        sum.pushed_out += shard.counts.pushed_out;
        sum.blocked_out += shard.counts.blocked_out;
    }
    return sum;
}

}  // namespace gw::limits
