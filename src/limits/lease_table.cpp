#include "limits/lease_table.hpp"

#include "base/ensure.hpp"
#include "base/random.hpp"

namespace gw::limits {

LeaseTable::LeaseTable(std::size_t keys_max, std::uint64_t seed) : keys_max_(keys_max) {
    Random random(seed);
    secret_ = {random.next(), random.next()};
}

// True: it is the first order that waits to be fetched. The shard's mutex is held.
bool LeaseTable::order_for(std::uint64_t hash, Slot& slot, Instant now) {
    const auto ask = slot.lease.ask(now);
    if (!ask) {
        return false;
    }
    const std::scoped_lock lock(orders_mutex_);
    orders_.push_back({slot.key, slot.quota, *ask, hash});
    return orders_.size() == 1;
}

std::optional<LeaseTable::Taken> LeaseTable::take(std::string_view key, const Quota& quota,
                                                  Instant now, std::uint32_t gateways, bool again,
                                                  bool alone) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    Shard& shard = shards_[hash % kShards];
    const std::scoped_lock lock(shard.mutex);
    auto at = shard.slots.find(hash);
    if (at == shard.slots.end()) {
        // Threads may pass the limit together, by as many as there are of them.
        if (keys_ >= keys_max_) {
            return std::nullopt;
        }
        at = shard.slots.emplace(hash, Slot{std::string(key), quota, Lease(quota)}).first;
        ++keys_;
    }
    Slot& slot = at->second;
    Lease& lease = slot.lease;
    Taken out{again ? lease.take_again(now, gateways, alone) : lease.take(now, gateways, alone),
              false};
    out.wake = order_for(hash, slot, now);
    return out;
}

Outcome LeaseTable::look_alone(std::string_view key, const Quota& quota, Instant now,
                               std::uint32_t gateways) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    Shard& shard = shards_[hash % kShards];
    const std::scoped_lock lock(shard.mutex);
    const auto at = shard.slots.find(hash);
    Lease lease = at == shard.slots.end() ? Lease(quota) : at->second.lease;
    return lease.take(now, gateways, true).outcome;
}

void LeaseTable::forget(std::string_view key, const Quota& quota) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    Shard& shard = shards_[hash % kShards];
    const std::scoped_lock lock(shard.mutex);
    if (const auto at = shard.slots.find(hash); at != shard.slots.end()) {
        at->second.lease.forget();
    }
}

std::uint32_t LeaseTable::left(std::string_view key, const Quota& quota) {
    const std::uint64_t hash = key_hash(secret_, key, quota);
    Shard& shard = shards_[hash % kShards];
    const std::scoped_lock lock(shard.mutex);
    const auto at = shard.slots.find(hash);
    return at == shard.slots.end() ? 0 : at->second.lease.left();
}

std::vector<LeaseTable::Order> LeaseTable::fetch_orders() {
    const std::scoped_lock lock(orders_mutex_);
    return std::exchange(orders_, {});
}

template <class Told>
void LeaseTable::tell(const Order& order, Instant now, const Told& told) {
    Shard& shard = shards_[order.hash % kShards];
    const std::scoped_lock lock(shard.mutex);
    const auto at = shard.slots.find(order.hash);
    ensure(at != shard.slots.end(), "a key with an order under way is never forgotten");
    told(at->second.lease, now);
}

void LeaseTable::answered(const Order& order, const StoreAnswer& answer, Instant now) {
    tell(order, now, [&answer](Lease& lease, Instant at) { lease.answered(answer, at); });
}

void LeaseTable::failed(const Order& order, Instant now) {
    tell(order, now, [](Lease& lease, Instant at) { lease.failed(at); });
}

void LeaseTable::tidy(Instant now) {
    Shard& shard = shards_[next_tidy_++ % kShards];
    const std::scoped_lock lock(shard.mutex);
    for (auto at = shard.slots.begin(); at != shard.slots.end();) {
        Slot& slot = at->second;
        if (slot.lease.due() <= now) {
            order_for(at->first, slot, now);
        }
        if (slot.lease.is_over(now)) {
            at = shard.slots.erase(at);
            --keys_;
        } else {
            ++at;
        }
    }
}

}  // namespace gw::limits
