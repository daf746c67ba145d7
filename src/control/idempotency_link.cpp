#include "control/idempotency_link.hpp"

namespace gw::control {

void IdempotencyLink::claim(std::string key, std::string claim, Millis ttl, Answered answered) {
    loop_.post([this, key = std::move(key), claim = std::move(claim), ttl,
                answered = std::move(answered)]() mutable {
        if (open() && !kept_.full(loop_.now())) {
            scope_.spawn(claim_now(std::move(key), std::move(claim), ttl, std::move(answered)));
        } else {
            answered(std::nullopt);
        }
    });
}

void IdempotencyLink::renew(std::string key, std::string claim, Millis ttl) {
    loop_.post([this, key = std::move(key), claim = std::move(claim), ttl]() mutable {
        if (open()) {
            scope_.spawn(change_now(std::move(key), claim, claim, ttl));
        }
    });
}

void IdempotencyLink::keep(std::string key, std::string claim, std::string value, Millis ttl) {
    loop_.post([this, key = std::move(key), claim = std::move(claim), value = std::move(value),
                ttl]() mutable {
        if (open()) {
            scope_.spawn(keep_now(std::move(key), std::move(claim), std::move(value), ttl));
        }
    });
}

void IdempotencyLink::release(std::string key, std::string claim) {
    loop_.post([this, key = std::move(key), claim = std::move(claim)]() mutable {
        if (open()) {
            scope_.spawn(change_now(std::move(key), std::move(claim), std::nullopt, Millis{0}));
        }
    });
}

net::Task<void> IdempotencyLink::claim_now(std::string key, std::string claim, Millis ttl,
                                           Answered answered) {
    // What ends between the two questions is free for the second try.
    for (int tries = 0; tries < 2; ++tries) {
        const Result<bool> set =
            co_await store_->set(key, claim, {.ttl = ttl, .when = state::SetIf::absent});
        if (!set) {
            break;
        }
        if (*set) {
            answered(Claimed{.mine = true});
            co_return;
        }
        Result<std::optional<state::KnownEntry>> found = co_await store_->get(key);
        if (!found) {
            break;
        }
        if (*found) {
            answered(Claimed{.value = std::move((*found)->value)});
            co_return;
        }
    }
    answered(std::nullopt);
}

net::Task<void> IdempotencyLink::keep_now(std::string key, std::string claim, std::string value,
                                          Millis ttl) {
    if (store_->backend() == "embedded") {
        constexpr std::size_t kOverhead = 200;  // of an entry, about
        kept_.add(kOverhead + key.size() + value.size(), loop_.now() + ttl);
    }
    // Lost with the store: the claim then ends by itself.
    const Result<bool> replaced = co_await store_->replace(key, std::move(claim), value, ttl);
    if (replaced && !*replaced) {
        // A claim that has lapsed: who asks again is still given the answer, if nobody serves it
        // again.
        [[maybe_unused]] const Result<bool> set = co_await store_->set(
            std::move(key), std::move(value), {.ttl = ttl, .when = state::SetIf::absent});
    }
}

net::Task<void> IdempotencyLink::change_now(std::string key, std::string claim,
                                            std::optional<std::string> value, Millis ttl) {
    [[maybe_unused]] const Result<bool> changed =
        co_await store_->replace(std::move(key), std::move(claim), std::move(value), ttl);
}

}  // namespace gw::control
