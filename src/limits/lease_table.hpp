// The leases of all keys of this process, and what has to be sent to the store for them.
//
// Workers take; whoever speaks to the store (the control thread) fetches the orders, sends each as
// one call of the script and brings the answer back. A key has at most one order under way. When
// there is no room for another key it has to be counted in this process alone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limits/key_hash.hpp"
#include "limits/lease.hpp"

namespace gw::limits {

class LeaseTable {
  public:
    // About 500 bytes each.
    static constexpr std::size_t kKeys = 50'000;

    // seed: a number that strangers do not know.
    LeaseTable(std::size_t keys_max, std::uint64_t seed);
    LeaseTable(const LeaseTable&) = delete;
    LeaseTable& operator=(const LeaseTable&) = delete;
    ~LeaseTable() = default;

    struct Taken {
        Lease::Taken lease;
        bool wake = false;  // whoever sends orders has some, and does not know it yet
    };
    // Any thread. again: of a request that waited. alone: the store is not to be waited for.
    // Nothing: there is no room.
    std::optional<Taken> take(std::string_view key, const Quota& quota, Instant now,
                              std::uint32_t gateways, bool again = false, bool alone = false);
    // What take() alone would say; nothing is counted.
    [[nodiscard]] Outcome look_alone(std::string_view key, const Quota& quota, Instant now,
                                     std::uint32_t gateways);

    // As if the key had never asked, as far as this process knows.
    void forget(std::string_view key, const Quota& quota);
    // Permits that are here for a key.
    [[nodiscard]] std::uint32_t left(std::string_view key, const Quota& quota);

    struct Order {
        std::string key;
        Quota quota;
        StoreAsk ask;
        std::uint64_t hash = 0;
    };
    // The rest is for one thread.
    //
    // What has to be sent: answered() or failed() must follow for each.
    std::vector<Order> fetch_orders();
    void answered(const Order& order, const StoreAnswer& answer, Instant now);
    void failed(const Order& order, Instant now);
    // Every 100 ms or so: makes orders for permits that nobody used, and forgets keys that are
    // over. A part of the table each time. Then fetch_orders().
    void tidy(Instant now);

    [[nodiscard]] std::size_t keys() const { return keys_; }

  private:
    static constexpr std::size_t kShards = 16;
    struct Slot {
        std::string key;
        Quota quota;
        Lease lease;
    };
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::uint64_t, Slot> slots;
    };

    bool order_for(std::uint64_t hash, Slot& slot, Instant now);
    template <class Told>
    void tell(const Order& order, Instant now, const Told& told);

    const std::size_t keys_max_;
    HashSecret secret_;
    std::array<Shard, kShards> shards_;
    std::atomic<std::size_t> keys_{0};
    std::size_t next_tidy_ = 0;
    std::mutex orders_mutex_;
    std::vector<Order> orders_;
};

}  // namespace gw::limits
