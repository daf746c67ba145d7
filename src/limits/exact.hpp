// Counting in the store, for all gateways together: one script, one call a request (mode exact) or
// a batch of permits (mode leased).
//
// The script keeps groups of admissions in time order, as Window does, each with its count and its
// latest time; the store's own clock is the only one that matters. A permit that may be used later
// counts as if it were used at its latest: it is held until that, and a window longer. So no window
// of length W ever holds more than N uses, whenever permits are used within their life, and
// whichever gateway does it. If the store's clock goes back, everything moves back with it.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "limits/window.hpp"
#include "state/redis_reply.hpp"

namespace gw::limits {

// For state::Store::run_script. The key is store_key(…).
extern const std::string_view kTakeScript;

std::string store_key(std::string_view key_text);

// A permit of the store, or several of one call.
using PermitId = std::int64_t;  // the moment until which they may be used, in the store's µs

struct StoreAsk {
    std::uint32_t permits = 1;          // as many of these as there are
    std::chrono::microseconds life{0};  // how long they may be used
    PermitId back_id = 0;               // permits that were not used, or did not count after all
    std::uint32_t back = 0;
};

struct StoreAnswer {
    std::uint32_t granted = 0;
    std::uint32_t remaining = 0;
    bool blocked = false;
    bool block_began = false;
    std::chrono::microseconds retry_after{0};  // until one is free again; zero: now
    std::chrono::microseconds reset{0};        // until all are free again
    PermitId id = 0;                           // of those granted
    bool operator==(const StoreAnswer&) const = default;
};

// groups: into how many parts the limit is cut for counting; what is counted is exact up to as many
// permits, and above it too much by one part at most. at: instead of the store's clock, for tests.
std::vector<std::string> take_arguments(const Quota& quota, const StoreAsk& ask,
                                        std::uint32_t groups,
                                        std::optional<std::int64_t> at = std::nullopt);
inline constexpr std::uint32_t kExactGroups = 32;

// Nothing if that is no answer of the script.
std::optional<StoreAnswer> read_answer(const state::RedisReply& reply);

// What a client is told of an answer to one permit asked.
Outcome outcome_of(const Quota& quota, const StoreAnswer& answer);

}  // namespace gw::limits
