// One layer of a ReplicaMap: records one after the other in one block of memory, and an
// open-addressed table of their places. Filled by one thread, then never changed.
//
//     record   key size, value size and flags, end if it has one, key, value; in steps of 8 bytes
//     slot     place in steps of 8 bytes, from 1 (0: free), and 32 bits of the hash, so that a
//              search seldom looks at a record that it does not want
//     filter   a Bloom filter in words of 64 bits, about one for eight keys and four bits for each:
//              of a million keys 1 MB, which stays in a cache where 12 MB of slots do not. It
//              answers 96 of 100 searches for what is not there, which nearly all are
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "state/replica_map.hpp"

namespace gw::state {

class ReplicaLayer {
  public:
    struct Record {
        std::string_view key;
        ReplicaValue entry;
        bool gone = false;  // hides the same key in the layers below
    };

    explicit ReplicaLayer(const ReplicaHash& hash) : hash_(hash) {}

    // `record` in the place of what the layer says of its key. hash: of the key, here and below.
    void put(std::uint64_t hash, const Record& record);
    [[nodiscard]] std::optional<Record> find(std::uint64_t hash, std::string_view key) const;
    void reserve(std::size_t records, std::size_t bytes);
    // Gives back what was taken ahead.
    void shrink();

    [[nodiscard]] std::size_t size() const { return used_; }
    [[nodiscard]] bool has_gone() const { return gone_ > 0; }
    // Records that were put again leave their first bytes behind.
    [[nodiscard]] std::size_t wasted_bytes() const { return wasted_; }
    [[nodiscard]] std::size_t record_bytes() const { return bytes_.size() - wasted_; }
    [[nodiscard]] WallTime earliest_end() const { return earliest_end_; }
    [[nodiscard]] std::size_t memory_bytes() const;

    // visit(hash, record) for each, in the order they were put.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (std::size_t at = 0; at < bytes_.size();) {
            const Record record = read(at);
            const std::uint64_t hash = hash_(record.key);
            if (wasted_ == 0 || slots_[slot_of(hash, record.key)].place == place_of(at)) {
                visit(hash, record);
            }
            at += stored_size(record);
        }
    }

  private:
    struct Slot {
        std::uint32_t place = 0;
        std::uint32_t tag = 0;
    };
    static constexpr std::size_t kStep = 8;

    static std::uint32_t place_of(std::size_t at) {
        return static_cast<std::uint32_t>(at / kStep + 1);
    }
    static std::size_t at_of(std::uint32_t place) { return (place - 1UL) * kStep; }
    static std::size_t stored_size(const Record& record);
    [[nodiscard]] Record read(std::size_t at) const;
    std::uint32_t append(const Record& record);
    // The slot of the key, or the free one where it belongs. There is one.
    [[nodiscard]] std::size_t slot_of(std::uint64_t hash, std::string_view key) const;
    [[nodiscard]] bool is_key_at(std::uint32_t place, std::string_view key) const;
    [[nodiscard]] std::size_t first_slot(std::uint64_t hash) const {
        return (hash >> 32) * slots_.size() >> 32;
    }
    void make_slots(std::size_t slots);

    struct FilterBits {
        std::size_t word;
        std::uint64_t bits;
    };
    [[nodiscard]] FilterBits filter_bits(std::uint64_t hash) const {
        return {(hash >> 32) * filter_.size() >> 32,
                1ULL << (hash & 63) | 1ULL << (hash >> 6 & 63) | 1ULL << (hash >> 12 & 63) |
                    1ULL << (hash >> 18 & 63)};
    }
    [[nodiscard]] bool may_have(std::uint64_t hash) const {
        const auto [word, bits] = filter_bits(hash);
        return (filter_[word] & bits) == bits;
    }
    void add_to_filter(std::uint64_t hash) {
        const auto [word, bits] = filter_bits(hash);
        filter_[word] |= bits;
    }

    const ReplicaHash hash_;
    std::vector<char> bytes_;
    std::vector<Slot> slots_;
    std::vector<std::uint64_t> filter_;
    std::size_t used_ = 0;
    std::size_t gone_ = 0;
    std::size_t wasted_ = 0;
    WallTime earliest_end_ = WallTime::max();
};

}  // namespace gw::state
