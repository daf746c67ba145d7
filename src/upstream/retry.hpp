// May a request that failed be sent again, and after what pause? Pure but for the budget that it
// takes from.
//
// Never once a byte of the answer has gone out, and only what is the same twice as once (RFC 9110,
// 9.2.2), unless the service certainly read nothing of it. What a service answered is tried again
// only for the statuses that configuration names, and not if it asked to be left alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "config/field.hpp"
#include "upstream/retry_budget.hpp"

namespace gw::upstream {

struct RetryOptions {
    std::uint32_t retries_max = 2;
    std::vector<std::uint32_t> statuses = {};  // none: whatever was answered is an answer
    Millis pause_first{10};
    Millis pause_max{200};
    std::uint32_t pause_jitter = 100;
};

template <class Visitor>
void fields(Visitor& field, RetryOptions& o) {
    using namespace config;
    field("retries_max", o.retries_max, Range{0, 5}, "how often a request is sent again at most");
    field("statuses", o.statuses, Range{500, 599},
          "answers after which a request is sent again if twice is the same as once: an idempotent "
          "method, or an Idempotency-Key");
    field("pause_first_ms", o.pause_first, Range{1, 10'000},
          "pause before the first time; doubled each time, and never the same twice");
    field("pause_max_ms", o.pause_max, Range{1, 60'000}, "the longest that doubling makes of it");
    field("pause_jitter", o.pause_jitter, Range{1, 100},
          "percent by which a pause is longer or shorter; 100: anything up to the whole of it");
}

// An attempt that did not succeed, with what matters of its request.
struct Attempt {
    bool repeatable = false;    // twice is the same as once
    bool body_held = true;      // all that was sent of its body is still there
    bool answer_begun = false;  // a byte of the answer has gone to the client
    bool stale = false;         // sent on a connection that had been used, and closed just then
    std::uint32_t retries = 0;  // so far
    std::optional<Error> error = std::nullopt;  // why there is no answer
    std::uint32_t status = 0;                   // else: of the answer
    bool asked_to_wait = false;                 // the answer had a Retry-After
};

struct RetryDecision {
    enum class Why : std::uint8_t {
        again,
        answer_begun,
        body_gone,
        not_repeatable,
        not_worth_it,  // it would fail the same way
        too_often,
        no_time,
        no_budget,
    };
    Why why = Why::again;
    Instant::duration pause{0};

    [[nodiscard]] bool again() const { return why == Why::again; }
};
std::string_view name_of(RetryDecision::Why why);  // for logs

// Takes one from the budget if the answer is yes, but for stale connections: those say nothing of
// the service, and what it is asked is no more than it would have been.
RetryDecision decide_retry(const RetryOptions& options, const Attempt& attempt, RetryBudget& budget,
                           Random& random, Instant now, Instant deadline);

}  // namespace gw::upstream
