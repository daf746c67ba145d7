// A map of keys to values in memory, each perhaps with an end, made for a million entries that
// every request looks into and that seldom change.
//
// A version never changes. It is up to three layers, each some bytes and a table of places in them;
// a layer hides what the layers below it say of its keys:
//
//     newest   up to 256 changes; a change copies this one only
//     middle   up to 16,384 changes, or 1/32 of the base
//     base     everything else
//
// Versions share the layers that they have in common. Where a layer has grown it is merged into the
// next. ReplicaWriter makes versions, on one thread; any thread may read one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace gw::state {

class ReplicaLayer;

struct ReplicaValue {
    std::string_view value;
    std::optional<WallTime> expires;

    [[nodiscard]] bool in_force(WallTime now) const { return !expires || *expires > now; }
};

// Multiply and fold over secrets that strangers do not know, so that nobody can choose keys that
// meet. Only a filter: keys are compared byte by byte.
class ReplicaHash {
  public:
    explicit ReplicaHash(std::uint64_t seed);
    std::uint64_t operator()(std::string_view key) const;

  private:
    std::array<std::uint64_t, 3> secrets_;
};

class ReplicaMap {
  public:
    using Visit = std::function<void(std::string_view key, const ReplicaValue& value)>;

    // Empty. seed: of the hash; a number that strangers do not know.
    explicit ReplicaMap(std::uint64_t seed) : hash_(seed) {}

    // What is in force. The views live as long as any version that holds the entry.
    [[nodiscard]] std::optional<ReplicaValue> find(std::string_view key, WallTime now) const {
        if (size_ == 0) {
            return std::nullopt;
        }
        auto found = known(key);
        if (found && !found->in_force(now)) {
            found.reset();
        }
        return found;
    }
    // The same, also if its time is over.
    [[nodiscard]] std::optional<ReplicaValue> known(std::string_view key) const;

    // Entries, with those whose time is over.
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    // Every entry once, in no particular order.
    void for_each(const Visit& visit) const;
    // No entry ends before; WallTime::max() if none ends at all.
    [[nodiscard]] WallTime earliest_end() const;
    // Of all layers, also of those that other versions share.
    [[nodiscard]] std::size_t memory_bytes() const;

  private:
    friend class ReplicaWriter;
    static constexpr std::size_t kLayers = 3;
    using Layer = std::shared_ptr<const ReplicaLayer>;

    void put_on_top(Layer changes);
    [[nodiscard]] bool is_due(std::size_t layer) const;
    // Neither what is gone nor what has ended by `now`, in one layer.
    [[nodiscard]] Layer in_force(WallTime now) const;

    ReplicaHash hash_;
    std::size_t size_ = 0;
    std::array<Layer, kLayers> layers_;  // newest first; null: empty
};

// The newest version and what has changed since.
class ReplicaWriter {
  public:
    enum class Set : std::uint8_t { same, changed, added };

    // An end that moves by no more than this has not moved: a listing of the same entries, with
    // times to live that were read a moment later, is no change.
    static constexpr Millis kSameEnd{500};

    explicit ReplicaWriter(std::uint64_t seed);
    ReplicaWriter(ReplicaWriter&&) noexcept;
    ReplicaWriter(const ReplicaWriter&) = delete;
    ReplicaWriter& operator=(const ReplicaWriter&) = delete;
    ~ReplicaWriter();

    // key and value: less than a gigabyte each.
    Set set(std::string_view key, std::string_view value, std::optional<WallTime> expires);
    // False: it was not there.
    bool erase(std::string_view key);
    // As it will be in the next version. The views live until the next call that changes anything.
    [[nodiscard]] std::optional<ReplicaValue> known(std::string_view key) const;
    [[nodiscard]] std::size_t size() const { return size_; }
    // Every entry once, in no particular order. visit must change nothing here.
    void for_each(const ReplicaMap::Visit& visit) const;

    // Makes the changes a version, at the cost of the smaller layers.
    const ReplicaMap& commit();
    // Gives back the memory of entries that have ended, at the cost of copying the others. How many
    // those were.
    std::size_t drop_expired(WallTime now);
    // No entry ends before.
    [[nodiscard]] WallTime earliest_end() const;

  private:
    ReplicaMap map_;
    std::unique_ptr<ReplicaLayer> changes_;
    std::size_t size_ = 0;
};

}  // namespace gw::state
