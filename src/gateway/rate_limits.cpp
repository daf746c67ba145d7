#include "gateway/rate_limits.hpp"

namespace gw::gateway {

using limits::Lease;
using limits::LeaseTable;

RateLimits::RateLimits(std::size_t memory_bytes, std::uint64_t seed, LimitStore& store)
    : store_(store), limiter_(memory_bytes, seed), leases_(LeaseTable::kKeys, seed) {}

limits::Mode RateLimits::mode_of(const limits::Policy& policy) const {
    return store_.available() ? policy.mode() : limits::Mode::local;
}

limits::Quota RateLimits::own_share(const limits::Quota& quota, bool shared) const {
    // A share costs divisions; nearly always there is none to make.
    const std::uint32_t gateways = shared ? store_.gateways() : 1;
    return gateways > 1 ? quota.share(gateways) : quota;
}

limits::Outcome RateLimits::take_alone(std::string_view key, const limits::Quota& quota,
                                       bool shared, Instant now) {
    return limiter_.take(key, own_share(quota, shared), now);
}

limits::Outcome RateLimits::look_alone(std::string_view key, const limits::Quota& quota,
                                       bool shared, Instant now) const {
    return limiter_.look(key, own_share(quota, shared), now);
}

void RateLimits::forget(std::string_view key, const limits::Policy& policy) {
    // Which of them the key was counted under, the key alone does not say.
    policy.each_quota([&](const limits::Quota& quota) {
        limiter_.forget(key, quota);
        limiter_.forget(key, own_share(quota, true));
        leases_.forget(key, quota);
    });
    refused_.forget(key);
}

void RateLimits::give_back_alone(std::string_view key, const limits::Quota& quota, bool shared,
                                 Instant taken, Instant now) {
    limiter_.give_back(key, own_share(quota, shared), taken, now);
}

Lease::Taken RateLimits::take_leased(std::string_view key, const limits::Quota& quota, bool again,
                                     Instant now) {
    const auto taken = leases_.take(key, quota, now, store_.gateways(), again);
    if (!taken) {
        const limits::Outcome outcome = take_alone(key, quota, true, now);
        return {outcome.admitted ? Lease::Is::admitted : Lease::Is::refused, outcome};
    }
    if (taken->wake) {
        store_.post([this] { send_orders(); });
    }
    return taken->lease;
}

void RateLimits::ask_store(std::string_view key, const limits::Quota& quota,
                           const limits::StoreAsk& ask, LimitStore::Answered answered) {
    store_.ask(std::string(key), quota, ask, limits::kExactGroups, std::move(answered));
}

void RateLimits::send_orders() {
    for (LeaseTable::Order& order : leases_.fetch_orders()) {
        std::string key = order.key;
        const limits::Quota quota = order.quota;
        const limits::StoreAsk ask = order.ask;
        store_.ask(std::move(key), quota, ask, Lease::kGroups,
                   [this, order = std::move(order)](const auto& answer, Instant now) {
                       answered(order, answer, now);
                   });
    }
}

void RateLimits::answered(const LeaseTable::Order& order,
                          const std::optional<limits::StoreAnswer>& answer, Instant now) {
    if (answer) {
        leases_.answered(order, *answer, now);
    } else {
        leases_.failed(order, now);
    }
    send_orders();
    if (waiting_.load(std::memory_order_relaxed) > 0) {
        for (const auto& wake : wakers_) {
            wake();
        }
    }
}

void RateLimits::tidy(Instant now) {
    leases_.tidy(now);
    send_orders();
}

}  // namespace gw::gateway
