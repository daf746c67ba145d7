#include "control/idempotency_link.hpp"

#include <utility>

#include "gateway/idempotency_record.hpp"

namespace gw::control {
namespace {

using gateway::ClaimPlace;
using gateway::Unclaimed;

// What a key costs in the embedded store, with what stands there while no answer does.
std::size_t cost_of(const ClaimPlace& place, const std::string& claim) {
    constexpr std::size_t kOverhead = 400;  // of an entry there and in a KeyRoom, about
    return kOverhead + place.key.size() + claim.size();
}

}  // namespace

std::optional<std::int64_t> IdempotencyLink::Tally::add(Instant now) {
    constexpr std::chrono::seconds kTellEvery{60};
    ++count;
    if (told && now - *told < kTellEvery) {
        return std::nullopt;
    }
    told = now;
    return static_cast<std::int64_t>(std::exchange(count, 0));
}

void IdempotencyLink::claim(ClaimPlace place, std::string claim, Millis ttl, Instant until,
                            Answered answered) {
    loop_.post([this, place = std::move(place), claim = std::move(claim), ttl, until,
                answered = std::move(answered)]() mutable {
        if (asks()) {
            scope_.spawn(
                claim_now(std::move(place), std::move(claim), ttl, until, std::move(answered)));
        } else {
            answered(std::unexpected(Unclaimed::away));
        }
    });
}

void IdempotencyLink::renew(ClaimPlace place, std::string claim, Millis ttl) {
    loop_.post([this, place = std::move(place), claim = std::move(claim), ttl]() mutable {
        if (open()) {
            scope_.spawn(change_now(std::move(place), claim, claim, ttl));
        }
    });
}

void IdempotencyLink::keep(ClaimPlace place, std::string claim, std::string value, Millis ttl) {
    loop_.post([this, place = std::move(place), claim = std::move(claim), value = std::move(value),
                ttl]() mutable {
        if (open()) {
            scope_.spawn(keep_now(std::move(place), std::move(claim), std::move(value), ttl));
        }
    });
}

void IdempotencyLink::release(ClaimPlace place, std::string claim) {
    loop_.post([this, place = std::move(place), claim = std::move(claim)]() mutable {
        if (open()) {
            scope_.spawn(change_now(std::move(place), std::move(claim), std::nullopt, Millis{0}));
        }
    });
}

void IdempotencyLink::went_unguarded(std::string route, Unclaimed why) {
    loop_.post([this, route = std::move(route), why] {
        if (const auto requests = unguarded_.add(loop_.now())) {
            log_.warn(
                "requests went on although nobody can tell whether they came before; services may "
                "have done the same twice",
                {{"requests", *requests}, {"route", route}, {"reason", why_text(why)}});
        }
    });
}

KeyRoom* IdempotencyLink::room_of(const ClaimPlace& place) {
    if (store_->backend() != "embedded") {
        return nullptr;
    }
    return place.kind == gateway::ClaimKind::webhook ? &webhooks_ : &keys_;
}

net::Task<void> IdempotencyLink::claim_now(ClaimPlace place, std::string claim, Millis ttl,
                                           Instant until, Answered answered) {
    constexpr Millis kAgainAfter{50};
    const bool was_well = store_->available();
    net::Pause pause(loop_);
    while (true) {
        Answer answer = co_await try_claim(place, claim, ttl);
        if (answer) {
            answered(std::move(*answer));
            co_return;
        }
        const Instant again = loop_.now() + kAgainAfter;
        if (!was_well || !answer.error().may_pass || again >= until || stopping_) {
            answered(std::unexpected(answer.error().why));
            co_return;
        }
        co_await pause.until(again);
    }
}

net::Task<IdempotencyLink::Answer> IdempotencyLink::try_claim(ClaimPlace place, std::string claim,
                                                              Millis ttl) {
    KeyRoom* const room = room_of(place);
    const std::size_t cost = cost_of(place, claim);
    // Whoever cannot write may still read what stands there.
    std::optional<Refused> refused;
    if (!store_->available()) {
        refused = {.why = Unclaimed::away, .may_pass = true};
    } else if (room != nullptr && !room->has_room(place.tenant, cost, loop_.now())) {
        refused = {.why = Unclaimed::full, .may_pass = false};
    }
    // What ends between the two questions is free for the second try.
    for (int tries = 0; tries < 2; ++tries) {
        if (!refused) {
            const Result<bool> set =
                co_await store_->set(place.key, claim, {.ttl = ttl, .when = state::SetIf::absent});
            if (!set) {
                refused = {
                    .why = set.error().code == Errc::exhausted ? Unclaimed::full : Unclaimed::away,
                    .may_pass = set.error().retry == Retry::yes};
            } else if (*set) {
                if (room != nullptr) {
                    room->take(place.key, place.tenant, {.key = cost}, loop_.now() + ttl);
                    co_await drop_answers(*room);
                }
                co_return Claimed{.mine = true};
            }
        }
        Result<std::optional<state::KnownEntry>> found = co_await store_->get(place.key);
        if (found && *found) {
            // Our own, where the store has taken it and its reply did not arrive.
            const bool mine = (*found)->value == claim;
            co_return Claimed{.mine = mine,
                              .value = mine ? std::string{} : std::move((*found)->value)};
        }
        if (!found && !refused) {
            refused = {.why = Unclaimed::away, .may_pass = found.error().retry == Retry::yes};
        }
        if (refused) {
            break;
        }
    }
    co_return std::unexpected(refused.value_or(Refused{.why = Unclaimed::away, .may_pass = true}));
}

net::Task<void> IdempotencyLink::keep_now(ClaimPlace place, std::string claim, std::string value,
                                          Millis ttl) {
    KeyRoom* const room = room_of(place);
    const std::size_t cost = cost_of(place, claim);
    std::size_t answer = value.size() > claim.size() ? value.size() : 0;
    // Lost with the store: the claim then ends by itself.
    Result<bool> kept = co_await store_->replace(place.key, claim, value, ttl);
    if (!kept && kept.error().code == Errc::exhausted) {
        // That the key is used up takes no more room than the claim.
        if (const auto record = gateway::read_idempotency(value)) {
            answer = 0;
            kept = co_await store_->replace(place.key, std::move(claim),
                                            gateway::write_too_large(record->request), ttl);
        }
    }
    if (kept && !*kept) {
        // A claim that has lapsed: who asks again is still given the answer, if nobody serves it
        // again.
        kept = co_await store_->set(place.key, std::move(value),
                                    {.ttl = ttl, .when = state::SetIf::absent});
    }
    if (room != nullptr && kept && *kept) {
        room->take(place.key, place.tenant, {.key = cost, .answer = answer}, loop_.now() + ttl);
        co_await drop_answers(*room);
    }
}

net::Task<void> IdempotencyLink::change_now(ClaimPlace place, std::string claim,
                                            std::optional<std::string> value, Millis ttl) {
    const bool goes = !value;
    const Result<bool> changed =
        co_await store_->replace(place.key, std::move(claim), std::move(value), ttl);
    KeyRoom* const room = room_of(place);
    if (room == nullptr || !changed || !*changed) {
        co_return;
    }
    if (goes) {
        room->give_back(place.key);
    } else {
        room->hold(place.key, loop_.now() + ttl);
    }
}

// Their keys stay used up: that they are not served again matters more.
net::Task<void> IdempotencyLink::drop_answers(KeyRoom& room) {
    while (const auto key = room.next_to_drop()) {
        if (const auto count = dropped_.add(loop_.now())) {
            log_.warn(
                "first answers to requests with an Idempotency-Key are given up for want of room; "
                "who asks again is told that the key is used up",
                {{"answers", *count}, {"remedy", "use Redis, or keep answers for less time"}});
        }
        Result<std::optional<state::KnownEntry>> found = co_await store_->get(*key);
        if (!found || !*found) {
            continue;
        }
        const auto record = gateway::read_idempotency((*found)->value);
        if (record && record->is == gateway::IdempotencyRecord::Is::answered) {
            std::string used_up = gateway::write_too_large(record->request);
            [[maybe_unused]] const Result<bool> replaced = co_await store_->replace(
                *key, std::move((*found)->value), std::move(used_up), std::nullopt);
        }
    }
}

}  // namespace gw::control
