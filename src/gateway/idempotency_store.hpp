// The store, for Idempotency-Keys and signed webhooks: who may serve a request, and what was
// answered. Shared by all gateways that share the store. Any thread; nothing waits.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <utility>

#include "base/clock.hpp"

namespace gw::gateway {

// What is kept for one kind of request never takes the room of the other's.
enum class ClaimKind : std::uint8_t { key, webhook };

// Where a claim stands.
struct ClaimPlace {
    std::string key;
    ClaimKind kind = ClaimKind::key;
    std::string tenant{};  // whose share of the room it takes
};

// Why it cannot be told who may serve a request.
enum class Unclaimed : std::uint8_t { away, full, late };
constexpr std::string_view why_text(Unclaimed why) {
    switch (why) {
        case Unclaimed::away:
            return "the state store does not answer";
        case Unclaimed::full:
            return "the state store has no room for further keys of this tenant";
        case Unclaimed::late:
            return "the state store did not answer in time";
    }
    std::unreachable();
}

class IdempotencyStore {
  public:
    struct Claimed {
        bool mine = false;
        std::string value{};  // what stands there, where it is not mine
    };
    // On the control thread.
    using Answered = std::move_only_function<void(std::expected<Claimed, Unclaimed>)>;

    // Puts `claim` there if nothing is, for as long as `ttl`. No two requests have the same claim.
    // What stands there is told also where there is no room for more. until: a store that was well
    // and does not answer is asked again until then; one that is known to be away is not waited
    // for.
    virtual void claim(ClaimPlace place, std::string claim, Millis ttl, Instant until,
                       Answered answered) = 0;
    // It holds for `ttl` from now, if it still does.
    virtual void renew(ClaimPlace place, std::string claim, Millis ttl) = 0;
    // Replaces it, unless somebody else has claimed the key meanwhile. For want of room less may be
    // kept: that the key is used up.
    virtual void keep(ClaimPlace place, std::string claim, std::string value, Millis ttl) = 0;
    // Takes it away, if it still stands there.
    virtual void release(ClaimPlace place, std::string claim) = 0;
    // A request of this route went on although nobody could tell whether it came before: operators
    // are told, now and again.
    virtual void went_unguarded(std::string route, Unclaimed why) = 0;

  protected:
    ~IdempotencyStore() = default;
};

}  // namespace gw::gateway
