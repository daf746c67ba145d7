#include "state/replica_layer.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/ensure.hpp"

namespace gw::state {
namespace {

struct Head {
    std::uint32_t key_size;
    std::uint32_t value_size;  // with the flags
};
constexpr std::uint32_t kEnds = 1U << 31;
constexpr std::uint32_t kGone = 1U << 30;
constexpr std::uint32_t kSizeMax = kGone - 1;

using Ticks = WallTime::rep;

// At most two slots of three are taken, so that a search ends soon.
constexpr std::size_t slots_for(std::size_t records) {
    return records + records / 2 + 2;
}

}  // namespace

std::size_t ReplicaLayer::stored_size(const Record& record) {
    const std::size_t size = sizeof(Head) + (record.entry.expires ? sizeof(Ticks) : 0) +
                             record.key.size() + record.entry.value.size();
    return (size + kStep - 1) / kStep * kStep;
}

ReplicaLayer::Record ReplicaLayer::read(std::size_t at) const {
    Head head{};
    const char* from = bytes_.data() + at;
    std::memcpy(&head, from, sizeof head);
    from += sizeof head;
    Record record;
    record.gone = (head.value_size & kGone) != 0;
    if ((head.value_size & kEnds) != 0) {
        Ticks ticks = 0;
        std::memcpy(&ticks, from, sizeof ticks);
        from += sizeof ticks;
        record.entry.expires = WallTime(WallTime::duration(ticks));
    }
    record.key = {from, head.key_size};
    record.entry.value = {from + head.key_size, head.value_size & kSizeMax};
    return record;
}

std::uint32_t ReplicaLayer::append(const Record& record) {
    const auto& [key, entry, gone] = record;
    ensure(key.size() <= kSizeMax && entry.value.size() <= kSizeMax, "a record is small");
    const std::size_t at = bytes_.size();
    ensure(at / kStep < std::numeric_limits<std::uint32_t>::max() - 1, "a layer has 32 GiB");
    bytes_.resize(at + stored_size(record));
    const Head head{static_cast<std::uint32_t>(key.size()),
                    static_cast<std::uint32_t>(entry.value.size()) | (entry.expires ? kEnds : 0) |
                        (gone ? kGone : 0)};
    char* to = bytes_.data() + at;
    std::memcpy(to, &head, sizeof head);
    to += sizeof head;
    if (entry.expires) {
        const Ticks ticks = entry.expires->time_since_epoch().count();
        std::memcpy(to, &ticks, sizeof ticks);
        to += sizeof ticks;
        earliest_end_ = std::min(earliest_end_, *entry.expires);
    }
    to = std::ranges::copy(key, to).out;
    std::ranges::copy(entry.value, to);
    return place_of(at);
}

bool ReplicaLayer::is_key_at(std::uint32_t place, std::string_view key) const {
    return read(at_of(place)).key == key;
}

std::size_t ReplicaLayer::slot_of(std::uint64_t hash, std::string_view key) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    std::size_t at = first_slot(hash);
    while (slots_[at].place != 0 && (slots_[at].tag != tag || !is_key_at(slots_[at].place, key))) {
        at = at + 1 == slots_.size() ? 0 : at + 1;
    }
    return at;
}

std::optional<ReplicaLayer::Record> ReplicaLayer::find(std::uint64_t hash,
                                                       std::string_view key) const {
    if (used_ == 0 || !may_have(hash)) {
        return std::nullopt;
    }
    const Slot slot = slots_[slot_of(hash, key)];
    return slot.place == 0 ? std::nullopt : std::optional(read(at_of(slot.place)));
}

void ReplicaLayer::put(std::uint64_t hash, const Record& record) {
    if (slots_for(used_ + 1) > slots_.size()) {
        make_slots(std::max<std::size_t>(slots_for(2 * used_), 8));
    }
    Slot& slot = slots_[slot_of(hash, record.key)];
    if (slot.place != 0) {
        const Record before = read(at_of(slot.place));
        wasted_ += stored_size(before);
        gone_ -= before.gone ? 1 : 0;
    } else {
        slot.tag = static_cast<std::uint32_t>(hash);
        add_to_filter(hash);
        ++used_;
    }
    gone_ += record.gone ? 1 : 0;
    slot.place = append(record);
}

void ReplicaLayer::make_slots(std::size_t slots) {
    ensure(slots <= std::numeric_limits<std::uint32_t>::max(), "a layer has 2^32 slots");
    constexpr std::size_t kSlotsAWord = 12;  // two thirds of them taken
    filter_ = std::vector<std::uint64_t>(slots / kSlotsAWord + 1);
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(slots));
    for (const Slot& slot : before) {
        if (slot.place != 0) {
            const std::uint64_t hash = hash_(read(at_of(slot.place)).key);
            add_to_filter(hash);
            std::size_t at = first_slot(hash);
            while (slots_[at].place != 0) {
                at = at + 1 == slots_.size() ? 0 : at + 1;
            }
            slots_[at] = slot;
        }
    }
}

void ReplicaLayer::reserve(std::size_t records, std::size_t bytes) {
    bytes_.reserve(bytes);
    if (slots_for(records) > slots_.size()) {
        make_slots(slots_for(records));
    }
}

void ReplicaLayer::shrink() {
    if (bytes_.capacity() - bytes_.size() > bytes_.size() / 8) {
        bytes_.shrink_to_fit();
    }
    if (slots_.size() - slots_for(used_) > slots_for(used_) / 8) {
        make_slots(slots_for(used_));
    }
}

std::size_t ReplicaLayer::memory_bytes() const {
    return sizeof *this + bytes_.capacity() + slots_.capacity() * sizeof(Slot) +
           filter_.capacity() * sizeof(std::uint64_t);
}

}  // namespace gw::state
