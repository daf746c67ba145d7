#include "gateway/rate_limits.hpp"

#include <algorithm>
#include <iterator>

namespace gw::gateway {

using limits::Lease;
using limits::LeaseTable;
using limits::Mode;

namespace {

// In one go: what a long pause of the store has left is no burst of its own.
constexpr std::ptrdiff_t kBacksAtOnce = 100;

}  // namespace

RateLimits::RateLimits(std::size_t memory_bytes, std::uint64_t seed, LimitStore& store)
    : store_(store),
      limiter_(memory_bytes, seed),
      leases_(LeaseTable::kKeys, seed),
      in_flight_(seed) {}

Mode RateLimits::mode_of(const limits::Policy& policy) const {
    if (!store_.shared() || (policy.mode() == Mode::exact && !store_.available())) {
        return Mode::local;
    }
    return policy.mode();
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

std::optional<limits::Outcome> RateLimits::look_alone(std::string_view key,
                                                      const limits::Policy& policy,
                                                      const limits::Quota& quota, Instant now) {
    switch (mode_of(policy)) {
        case Mode::exact:
            break;
        case Mode::leased:
            if (!store_.available()) {
                return leases_.look_alone(key, quota, now, store_.gateways());
            }
            break;
        case Mode::local:
            return limiter_.look(key, own_share(quota, policy.mode() != Mode::local), now);
    }
    return std::nullopt;
}

bool RateLimits::note_alone(std::string_view key, const limits::Quota& quota,
                            const limits::StoreAnswer& answer, Instant now) {
    if (answer.granted > 0) {
        return limiter_.count(key, own_share(quota, true), now);
    }
    if (answer.blocked) {
        limiter_.block_for(key, own_share(quota, true), answer.retry_after, now);
    }
    return false;
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

Lease::Taken RateLimits::take_leased(std::string_view key, const limits::Quota& quota,
                                     Waited waited, Instant now) {
    const bool alone = waited == Waited::in_vain || !store_.available();
    const auto taken =
        leases_.take(key, quota, now, store_.gateways(), waited != Waited::no, alone);
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

void RateLimits::give_back(std::string_view key, const limits::Quota& quota, limits::PermitId id,
                           Instant now) {
    GiveBack back{std::string(key), quota, id, now + quota.window()};
    if (store_.available()) {
        send_back(std::move(back));
    } else {
        store_.post([this, back = std::move(back)]() mutable { keep(std::move(back)); });
    }
}

void RateLimits::send_back(GiveBack back) {
    std::string key = back.key;
    const limits::Quota quota = back.quota;
    const limits::StoreAsk ask{.permits = 0, .back_id = back.id, .back = 1};
    store_.ask(std::move(key), quota, ask, limits::kExactGroups,
               [this, back = std::move(back)](const auto& answer, Instant) mutable {
                   // It may have come although nothing is heard of it. Where the store counts in
                   // groups, a second one would give back another's.
                   if (!answer && back.quota.limit() <= limits::kExactGroups) {
                       keep(std::move(back));
                   }
               });
}

void RateLimits::keep(GiveBack back) {
    if (backs_.size() < kGiveBacksMax) {
        backs_.push_back(std::move(back));
    }
}

void RateLimits::send_backs(Instant now) {
    if (backs_.empty() || !store_.available()) {
        return;
    }
    std::erase_if(backs_, [now](const GiveBack& back) { return back.until <= now; });
    const auto end = backs_.begin() + std::min(std::ssize(backs_), kBacksAtOnce);
    std::vector<GiveBack> sent(std::move_iterator(backs_.begin()), std::move_iterator(end));
    backs_.erase(backs_.begin(), end);
    for (GiveBack& back : sent) {
        send_back(std::move(back));
    }
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
    send_backs(now);
}

}  // namespace gw::gateway
