// The windows of all keys of this process, in bounded memory, for all its threads.
//
// A key is known by a 64-bit hash with a secret of this process: of a million keys, two meet once
// in 2^24 processes, and nobody outside can look for them. The quota is part of the hash, so that a
// limit that is changed starts counting anew.
//
// The table is cut into shards, each with a lock that is held for some 50 ns. In a shard a key may
// lie in either of two sets of eight places, so that nearly all places are used before anything has
// to leave. Who leaves, of the sixteen: what is over; then what has used less than half of its
// limit, the one that would be over first; then the least used; what is blocked last. A stranger
// who invents keys uses little of each, so his own push each other out. What cannot be helped: with
// a limit of one or two, each invented key looks as used as an honest one, and they leave by age.
//
// Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "limits/key_hash.hpp"
#include "limits/window.hpp"

namespace gw::limits {

class Limiter {
  public:
    // Room for a million keys. Only the part that is used is ever touched.
    static constexpr std::size_t kBytes = 64UL * 1024 * 1024;

    // bytes: of the table, about 66 a key. seed: a number that strangers do not know.
    Limiter(std::size_t bytes, std::uint64_t seed);
    Limiter(const Limiter&) = delete;
    Limiter& operator=(const Limiter&) = delete;
    ~Limiter() = default;

    // Admits one request of this key, or refuses it.
    Outcome take(std::string_view key, const Quota& quota, Instant now);
    // What take() would say; nothing is counted.
    [[nodiscard]] Outcome look(std::string_view key, const Quota& quota, Instant now) const;
    // One that was admitted at `taken` does not count after all.
    void give_back(std::string_view key, const Quota& quota, Instant taken, Instant now);

    // What was decided elsewhere, see Window.
    bool count(std::string_view key, const Quota& quota, Instant now);
    void block_for(std::string_view key, const Quota& quota, Instant::duration rest, Instant now);

    // As if the key had never asked: no block either.
    void forget(std::string_view key, const Quota& quota);

    [[nodiscard]] std::size_t room() const;  // keys
    struct Counts {
        std::uint64_t keys = 0;         // that have a place, over or not
        std::uint64_t pushed_out = 0;   // of them, while they still counted; ever
        std::uint64_t blocked_out = 0;  // of these, while they were blocked
    };
    [[nodiscard]] Counts counts() const;

  private:
    static constexpr std::size_t kShards = 64;
    static constexpr std::size_t kWays = 8;

    struct Entry {  // a cache line
        std::uint64_t hash;
        Window window;
    };
    struct Set {  // 16 bits of each hash, 0 for a place that is free
        std::array<std::uint16_t, kWays> tags;
    };
    class Lock;
    struct alignas(64) Shard {
        std::atomic<bool> taken{false};
        Counts counts;
    };
    // Where a key may be.
    struct Place {
        std::size_t shard = 0;
        std::array<std::size_t, 2> sets{};
        std::uint16_t tag = 0;
    };

    [[nodiscard]] Place place_of(std::uint64_t hash) const;
    [[nodiscard]] Entry* find(const Place& place, std::uint64_t hash) const;
    [[nodiscard]] std::size_t worth_moving() const;
    std::optional<std::size_t> move_one(const Place& place);
    Entry& make_room(const Place& place, std::uint64_t hash, Instant now);
    template <class Change>
    auto change(std::string_view key, const Quota& quota, Instant now, const Change& by);

    HashSecret secret_;
    std::size_t sets_;  // of each shard
    mutable std::array<Shard, kShards> shards_;
    std::unique_ptr<Set[]> tags_;
    std::unique_ptr<Entry[]> entries_;
};

}  // namespace gw::limits
