#include "gateway/rate_limits.hpp"

namespace gw::gateway {

RateLimits::RateLimits(std::size_t memory_bytes, std::uint64_t seed, LimitStore* store)
    : limiter_(memory_bytes, seed), store_(store) {}

limits::Mode RateLimits::mode_of(const limits::Policy& policy) const {
    return store_ != nullptr && store_->available() ? policy.mode() : limits::Mode::local;
}

limits::Quota RateLimits::own_share(const limits::Quota& quota, bool shared) const {
    return shared && store_ != nullptr ? quota.share(store_->gateways()) : quota;
}

limits::Outcome RateLimits::take_alone(std::string_view key, const limits::Quota& quota,
                                       bool shared, Instant now) {
    return limiter_.take(key, own_share(quota, shared), now);
}

void RateLimits::give_back_alone(std::string_view key, const limits::Quota& quota, bool shared,
                                 Instant taken, Instant now) {
    limiter_.give_back(key, own_share(quota, shared), taken, now);
}

RateLimits::Held* RateLimits::find(Shard& shard, std::string_view key, const limits::Quota& quota,
                                   Instant now) {
    auto at = shard.leases.find(key);
    if (at != shard.leases.end() && !(at->second.quota == quota)) {
        // Its limit was changed: counting starts anew, in the store as well.
        shard.leases.erase(at);
        at = shard.leases.end();
    }
    if (at == shard.leases.end()) {
        if (shard.leases.size() >= kLeasesMax) {
            std::erase_if(shard.leases,
                          [now](const auto& held) { return held.second.lease.is_over(now); });
        }
        if (shard.leases.size() >= kLeasesMax) {
            return nullptr;
        }
        at = shard.leases.try_emplace(std::string(key), quota).first;
    }
    return &at->second;
}

limits::Lease::Taken RateLimits::take_leased(std::string_view key, const limits::Quota& quota,
                                             bool again, Instant now) {
    Shard& shard = shard_of(key);
    const std::scoped_lock lock(shard.mutex);
    Held* const held = find(shard, key, quota, now);
    if (held == nullptr) {
        const limits::Outcome outcome = limiter_.take(key, own_share(quota, true), now);
        return {outcome.admitted ? limits::Lease::Is::admitted : limits::Lease::Is::refused,
                outcome};
    }
    const std::uint32_t gateways = store_->gateways();
    const limits::Lease::Taken taken =
        again ? held->lease.take_again(now, gateways) : held->lease.take(now, gateways);
    send(key, *held, now);
    return taken;
}

void RateLimits::send(std::string_view key, Held& held, Instant now) {
    const auto ask = held.lease.ask(now);
    if (!ask) {
        return;
    }
    store_->ask(std::string(key), held.quota, *ask, limits::Lease::kGroups,
                [this, name = std::string(key), quota = held.quota](const auto& answer, Instant at) {
                    answered(name, quota, answer, at);
                });
}

void RateLimits::ask_store(std::string_view key, const limits::Quota& quota,
                           const limits::StoreAsk& ask, LimitStore::Answered answered) {
    store_->ask(std::string(key), quota, ask, limits::kExactGroups, std::move(answered));
}

void RateLimits::answered(const std::string& key, const limits::Quota& quota,
                          const std::optional<limits::StoreAnswer>& answer, Instant now) {
    {
        Shard& shard = shard_of(key);
        const std::scoped_lock lock(shard.mutex);
        const auto at = shard.leases.find(key);
        if (at == shard.leases.end() || !(at->second.quota == quota)) {
            return;
        }
        if (answer) {
            at->second.lease.answered(*answer, now);
        } else {
            at->second.lease.failed(now);
        }
        send(key, at->second, now);
    }
    if (waiting_.load(std::memory_order_relaxed) > 0) {
        for (const auto& wake : wakers_) {
            wake();
        }
    }
}

void RateLimits::sweep(Instant now) {
    Shard& shard = shards_[swept_++ % kShards];
    const std::scoped_lock lock(shard.mutex);
    for (auto at = shard.leases.begin(); at != shard.leases.end();) {
        limits::Lease& lease = at->second.lease;
        if (lease.is_over(now)) {
            at = shard.leases.erase(at);
            continue;
        }
        if (lease.due() <= now) {
            send(at->first, at->second, now);
        }
        ++at;
    }
}

}  // namespace gw::gateway
