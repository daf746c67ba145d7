// A map from keys to values with ends, made for a million entries that are asked for on every
// request and changed rarely. Immutable: a change makes a new map, which shares nearly all of its
// memory with the old one, so that readers on other threads need no lock and the writer copies only
// what has changed of late.
//
// It is two levels deep: a large base, one block of bytes and a table of offsets, and a small delta
// above it, which is folded into a new base when it has grown.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"

namespace gw::state {

struct ReplicaEntry {
    std::string_view key;
    std::string_view value;
    std::optional<WallTime> expires;
};

class ReplicaMap {
  public:
    ReplicaMap();

    // Nothing if there is no such key, or its time is over. The view lives as long as the map. Any
    // thread; allocates nothing.
    [[nodiscard]] std::optional<ReplicaEntry> find(std::string_view key, WallTime now) const;
    // What it holds, ended entries included.
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    // Bytes of memory, of base and delta.
    [[nodiscard]] std::size_t memory() const;
    // The first end of any entry, or earlier: entries that ended may still count.
    [[nodiscard]] std::optional<WallTime> next_expiry() const { return next_expiry_; }

    template <class Visit>
    void each(Visit visit) const {
        base_->each([&](const ReplicaEntry& entry) {
            if (!delta_ || !delta_->contains(entry.key)) {
                visit(entry);
            }
        });
        if (delta_) {
            for (const auto& [key, change] : *delta_) {
                if (change) {
                    visit(ReplicaEntry{key, change->value, change->expires});
                }
            }
        }
    }

    // One version with all of the changes; a change without a value takes its key away.
    struct Value {
        std::string value;
        std::optional<WallTime> expires;
    };
    using Changes = std::vector<std::pair<std::string, std::optional<Value>>>;
    [[nodiscard]] ReplicaMap with(const Changes& changes) const;
    // Without what has ended.
    [[nodiscard]] ReplicaMap without_ended(WallTime now) const;

  private:
    // Looked up by views, without making a string.
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const {
            return std::hash<std::string_view>{}(key);
        }
    };
    using Delta = std::unordered_map<std::string, std::optional<Value>, Hash, std::equal_to<>>;

    // Entries lie one behind the other: end (8 bytes, 0 for none), sizes of key and value (4 each),
    // key, value. The table holds where they begin, plus one.
    class Base {
      public:
        static std::shared_ptr<const Base> of(const std::vector<ReplicaEntry>& entries);
        [[nodiscard]] std::optional<ReplicaEntry> find(std::string_view key) const;
        [[nodiscard]] std::size_t memory() const {
            return bytes_.capacity() + slots_.capacity() * sizeof(std::uint32_t);
        }
        [[nodiscard]] std::size_t size() const { return size_; }
        template <class Visit>
        void each(Visit visit) const {
            for (std::size_t at = 0; at < bytes_.size();) {
                std::size_t next = 0;
                visit(entry_at(at, next));
                at = next;
            }
        }

      private:
        [[nodiscard]] ReplicaEntry entry_at(std::size_t at, std::size_t& next) const;
        std::vector<char> bytes_;
        std::vector<std::uint32_t> slots_;  // a power of two; half of them free or more
        std::size_t size_ = 0;
    };

    std::shared_ptr<const Base> base_;
    std::shared_ptr<const Delta> delta_;  // null: nothing has changed
    std::size_t size_ = 0;
    std::optional<WallTime> next_expiry_;
};

}  // namespace gw::state
