#include "control/idempotency_link.hpp"

namespace gw::control {

void IdempotencyLink::claim(std::string key, std::string value, Millis ttl, Answered answered) {
    loop_.post([this, key = std::move(key), value = std::move(value), ttl,
                answered = std::move(answered)]() mutable {
        if (open() && !kept_.full(loop_.now())) {
            scope_.spawn(claim_now(std::move(key), std::move(value), ttl, std::move(answered)));
        } else {
            answered(std::nullopt);
        }
    });
}

void IdempotencyLink::keep(std::string key, std::string value, Millis ttl) {
    loop_.post([this, key = std::move(key), value = std::move(value), ttl]() mutable {
        if (open()) {
            scope_.spawn(keep_now(std::move(key), std::move(value), ttl));
        }
    });
}

void IdempotencyLink::release(std::string key) {
    loop_.post([this, key = std::move(key)]() mutable {
        if (open()) {
            scope_.spawn(release_now(std::move(key)));
        }
    });
}

net::Task<void> IdempotencyLink::claim_now(std::string key, std::string value, Millis ttl,
                                           Answered answered) {
    // What ends between the two questions is free for the second try.
    for (int tries = 0; tries < 2; ++tries) {
        const Result<bool> set =
            co_await store_->set(key, value, {.ttl = ttl, .when = state::SetIf::absent});
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

net::Task<void> IdempotencyLink::keep_now(std::string key, std::string value, Millis ttl) {
    if (store_->backend() == "embedded") {
        constexpr std::size_t kOverhead = 200;  // of an entry, about
        kept_.add(kOverhead + key.size() + value.size(), loop_.now() + ttl);
    }
    // Lost with the store: the claim then ends by itself.
    [[maybe_unused]] const Result<bool> set =
        co_await store_->set(std::move(key), std::move(value), {.ttl = ttl});
}

net::Task<void> IdempotencyLink::release_now(std::string key) {
    [[maybe_unused]] const Result<std::int64_t> erased = co_await store_->erase({std::move(key)});
}

}  // namespace gw::control
