#include "control/ticket_keeper.hpp"

#include <algorithm>

namespace gw::control {

void TicketKeeper::configure(Millis rotation, const std::string& secret) {
    ring_.rotate_every(rotation);
    if (secret != secret_) {
        secret_ = secret;
        sealer_.reset();
        if (!secret.empty()) {
            sealer_.emplace(secret);
        }
        shared_ = false;
        foreign_ = false;
    }
    look_again();
}

void TicketKeeper::start(state::Store& store) {
    store_ = &store;
    ring_.turn(loop_.clock().wall);
    tell();
    scope_.spawn(keep());
}

void TicketKeeper::stop() {
    stopping_ = true;
    pause_.wake();
}

void TicketKeeper::tell() {
    publish_(ring_.keys(loop_.clock().wall));
}

net::Task<void> TicketKeeper::keep() {
    WallTime told = loop_.clock().wall;
    while (!stopping_) {
        news_ = false;
        // Another period begins: its key was there before, and is now the one to issue with.
        const WallTime now = loop_.clock().wall;
        if (ring_.turn(now) || ring_.next_turn(told) <= now || now < told) {
            tell();
        }
        told = now;
        if (sealer_) {
            for (const WallTime begin : ring_.periods(now)) {
                if (store_->available() && !stopping_) {
                    co_await share(begin);
                }
            }
        }
        const auto wait = std::clamp<Instant::duration>(
            ring_.next_turn(loop_.clock().wall) - loop_.clock().wall, Millis{10}, kLookAgain);
        if (!stopping_ && !news_) {
            co_await pause_.until(loop_.now() + wait);
        }
    }
}

net::Task<void> TicketKeeper::share(WallTime begin) {
    // Between our question and our word somebody else may have come: the second answer is theirs.
    for (int tries = 0; tries < 2 && sealer_; ++tries) {
        const std::string place = sealer_->place(begin);
        Result<std::optional<state::KnownEntry>> found = co_await store_->get(place);
        if (!found || !sealer_ || sealer_->place(begin) != place) {
            co_return;  // or the secret is another one since
        }
        if (*found) {
            take(begin, (*found)->value);
            co_return;
        }
        const net::TicketKey* const own = ring_.key_of(begin);
        const auto left = std::chrono::floor<Millis>(ring_.end_of(begin) - loop_.clock().wall);
        if (own == nullptr || left <= Millis{0}) {
            co_return;
        }
        const Result<bool> set = co_await store_->set(place, sealer_->seal(begin, *own),
                                                      {.ttl = left, .when = state::SetIf::absent});
        if (!set || *set) {
            co_return;
        }
    }
}

void TicketKeeper::take(WallTime begin, const std::string& text) {
    const std::optional<net::TicketKey> key = sealer_->open(begin, text);
    if (!key) {
        if (!std::exchange(foreign_, true)) {
            log_.warn("a key of session tickets in the store is not one of ours",
                      {{"key", sealer_->place(begin)},
                       {"remedy", "delete it, and see who writes there"}});
        }
        return;
    }
    if (!std::exchange(shared_, true)) {
        log_.info("session tickets are shared with whoever uses this store", {});
    }
    if (ring_.adopt(begin, *key)) {
        ring_.turn(loop_.clock().wall);
        tell();
    }
}

}  // namespace gw::control
