#include "upstream/retry.hpp"

#include <algorithm>

namespace gw::upstream {
namespace {

using Why = RetryDecision::Why;

// What the attempt and its request allow, whatever time and budget there is.
Why judge(const RetryOptions& options, const Attempt& attempt) {
    if (attempt.answer_begun) {
        return Why::answer_begun;
    }
    if (!attempt.body_held) {
        return Why::body_gone;
    }
    if (attempt.error) {
        if (attempt.error->retry == Retry::never) {
            return Why::not_worth_it;
        }
        if (attempt.error->retry == Retry::if_repeatable && !attempt.repeatable) {
            return Why::not_repeatable;
        }
    } else {
        if (attempt.asked_to_wait || std::ranges::count(options.statuses, attempt.status) == 0) {
            return Why::not_worth_it;
        }
        if (!attempt.repeatable) {
            return Why::not_repeatable;
        }
    }
    return attempt.retries < options.retries_max ? Why::again : Why::too_often;
}

// Clients that failed together come back spread out: over the whole pause, unless configuration
// says how far.
Instant::duration pause_before(const RetryOptions& options, std::uint32_t retries, Random& random) {
    constexpr std::uint32_t kDoublingsMax = 20;  // beyond any pause that may be configured
    const Millis longest =
        std::min(options.pause_max, options.pause_first * (1 << std::min(retries, kDoublingsMax)));
    const auto most = static_cast<std::uint64_t>(Instant::duration(longest).count());
    if (options.pause_jitter < 100) {
        const std::uint64_t spread = most / 100 * options.pause_jitter;
        return Instant::duration(
            static_cast<std::int64_t>(most - spread + random.below(2 * spread + 1)));
    }
    return Instant::duration(static_cast<std::int64_t>(random.below(most + 1)));
}

}  // namespace

std::string_view name_of(Why why) {
    switch (why) {
        case Why::again:
            return "again";
        case Why::answer_begun:
            return "the answer has begun";
        case Why::body_gone:
            return "the body is gone";
        case Why::not_repeatable:
            return "twice is not the same as once";
        case Why::not_worth_it:
            return "it would fail again";
        case Why::too_often:
            return "it was tried often enough";
        case Why::no_time:
            return "no time is left";
        case Why::no_budget:
            break;
    }
    return "the budget is used up";
}

RetryDecision decide_retry(const RetryOptions& options, const Attempt& attempt, RetryBudget& budget,
                           Random& random, Instant now, Instant deadline) {
    if (const Why why = judge(options, attempt); why != Why::again) {
        return {.why = why};
    }
    const Instant::duration pause =
        attempt.stale ? Instant::duration{0} : pause_before(options, attempt.retries, random);
    // A pause that ends with the deadline would only make the client wait for its 504.
    if (pause >= deadline - now) {
        return {.why = Why::no_time};
    }
    if (!attempt.stale && !budget.take(now)) {
        return {.why = Why::no_budget};
    }
    return {.pause = pause};
}

}  // namespace gw::upstream
