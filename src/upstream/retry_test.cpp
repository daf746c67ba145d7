#include "upstream/retry.hpp"

#include <gtest/gtest.h>

#include "config/reader.hpp"

namespace gw::upstream {
namespace {

using Why = RetryDecision::Why;
using std::chrono::seconds;

constexpr Instant kNow{std::chrono::hours(1'000)};
constexpr Error kRefused{Errc::refused, Fault::upstream, Retry::yes, ""};
constexpr Error kReset{Errc::reset, Fault::upstream, Retry::if_repeatable, ""};
constexpr Error kTimeout{Errc::timeout, Fault::upstream, Retry::never, ""};

// The answers that may come from something in front of the service.
const RetryOptions kOptions{.statuses = {502, 503, 504}};

Why decide(const Attempt& attempt, const RetryOptions& options = kOptions) {
    RetryBudget budget;
    Random random(1);
    return decide_retry(options, attempt, budget, random, kNow, kNow + seconds(10)).why;
}

TEST(Retry, SendsAgainWhatDidNotReachTheServiceWhateverItIs) {
    EXPECT_EQ(decide({.error = kRefused}), Why::again);
}

TEST(Retry, SendsAgainWhatMayHaveArrivedOnlyIfTwiceIsTheSameAsOnce) {
    EXPECT_EQ(decide({.repeatable = true, .error = kReset}), Why::again);
    EXPECT_EQ(decide({.repeatable = false, .error = kReset}), Why::not_repeatable);
    EXPECT_EQ(decide({.repeatable = false, .status = 503}), Why::not_repeatable);
}

TEST(Retry, IsForTheNamedStatusesOnly) {
    for (const std::uint32_t status : {502U, 503U, 504U}) {
        EXPECT_EQ(decide({.repeatable = true, .status = status}), Why::again);
    }
    for (const std::uint32_t status : {200U, 404U, 429U, 500U, 501U}) {
        EXPECT_EQ(decide({.repeatable = true, .status = status}), Why::not_worth_it);
    }
    EXPECT_EQ(decide({.repeatable = true, .status = 503}, {}), Why::not_worth_it);
}

TEST(Retry, LeavesAServiceAloneThatAsksForIt) {
    EXPECT_EQ(decide({.repeatable = true, .status = 503, .asked_to_wait = true}),
              Why::not_worth_it);
}

TEST(Retry, NeverFollowsAnAnswerThatHasBegunOrABodyThatIsGone) {
    EXPECT_EQ(decide({.repeatable = true, .answer_begun = true, .error = kRefused}),
              Why::answer_begun);
    EXPECT_EQ(decide({.repeatable = true, .body_held = false, .error = kRefused}), Why::body_gone);
}

TEST(Retry, DoesNotFollowATimeoutNorMoreThanTheConfiguredNumber) {
    EXPECT_EQ(decide({.repeatable = true, .error = kTimeout}), Why::not_worth_it);
    EXPECT_EQ(decide({.retries = 1, .error = kRefused}), Why::again);
    EXPECT_EQ(decide({.retries = 2, .error = kRefused}), Why::too_often);
    EXPECT_EQ(decide({.error = kRefused}, {.retries_max = 0}), Why::too_often);
}

TEST(Retry, TakesFromTheBudgetOnlyWhenItSendsAgain) {
    RetryBudget budget;
    Random random(1);
    const auto ask = [&](const Attempt& attempt, Instant deadline) {
        return decide_retry({}, attempt, budget, random, kNow, deadline).why;
    };
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(ask({.error = kTimeout}, kNow + seconds(1)), Why::not_worth_it);
        EXPECT_EQ(ask({.error = kRefused}, kNow), Why::no_time);
        EXPECT_EQ(ask({.stale = true, .error = kRefused}, kNow + seconds(1)), Why::again);
    }
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ask({.error = kRefused}, kNow + seconds(1)), Why::again);
    }
    EXPECT_EQ(ask({.error = kRefused}, kNow + seconds(1)), Why::no_budget);
}

TEST(Retry, PausesLongerEachTimeUpToTheMostAndNotAllAlike) {
    Random random(7);
    const RetryOptions options{.retries_max = 100};
    for (std::uint32_t retries = 0; retries < 100; ++retries) {
        Instant::duration longest{0};
        Instant::duration shortest = seconds(9);
        for (int i = 0; i < 200; ++i) {
            RetryBudget budget;
            const RetryDecision decision =
                decide_retry(options, {.retries = retries, .error = kRefused}, budget, random, kNow,
                             kNow + seconds(10));
            longest = std::max(longest, decision.pause);
            shortest = std::min(shortest, decision.pause);
        }
        const Millis most = std::min(Millis(200), Millis(10) * (1 << std::min(retries, 10U)));
        EXPECT_LE(longest, most);
        EXPECT_GT(longest, most * 9 / 10);
        EXPECT_LT(shortest, most / 10);
    }
}

TEST(Retry, PausesDifferByNoMoreThanConfigurationSays) {
    Random random(7);
    const RetryOptions options{.retries_max = 3,
                               .pause_first = Millis(1'000),
                               .pause_max = Millis(30'000),
                               .pause_jitter = 10};
    Instant::duration longest{0};
    Instant::duration shortest = seconds(9);
    for (int i = 0; i < 500; ++i) {
        RetryBudget budget;
        const RetryDecision decision = decide_retry(options, {.retries = 1, .error = kRefused},
                                                    budget, random, kNow, kNow + seconds(10));
        longest = std::max(longest, decision.pause);
        shortest = std::min(shortest, decision.pause);
    }
    EXPECT_LE(longest, Millis(2'200));
    EXPECT_GT(longest, Millis(2'150));
    EXPECT_GE(shortest, Millis(1'800));
    EXPECT_LT(shortest, Millis(1'850));
}

TEST(RetryOptions, AreReadAndHaveBounds) {
    const auto reading = std::make_shared<config::Reading>();
    reading->document = config::Document::parse("f.yaml", "retries_max: 1\nstatuses: [503, 404]\n",
                                                reading->mistakes);
    RetryOptions options;
    read(config::Reader::root(reading), options);
    EXPECT_EQ(options.retries_max, 1U);
    ASSERT_EQ(reading->mistakes.size(), 1U);
    EXPECT_NE(reading->mistakes[0].to_string().find(":2:"), std::string::npos);
}

// A service that fails more and less, clients that ask more and less: what reaches it is at most a
// fifth more than they asked, and three a second.
TEST(RetrySim, AddsAFifthAtMostAndNeverRunsPastTheDeadline) {
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        RetryBudget budget;
        Instant now = kNow;
        std::uint64_t first = 0;
        std::uint64_t again = 0;
        const std::uint64_t broken = random.below(101);
        const auto gap = static_cast<std::int64_t>(1 + random.below(200));
        for (int i = 0; i < 500; ++i) {
            now += Millis(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(gap))));
            ++first;
            budget.sent();
            Instant at = now;
            const Instant deadline = now + Millis(static_cast<std::int64_t>(random.below(1'000)));
            Attempt attempt{.repeatable = true, .status = 503};
            while (random.below(100) < broken) {
                const RetryDecision decision =
                    decide_retry(kOptions, attempt, budget, random, at, deadline);
                if (!decision.again()) {
                    break;
                }
                at += decision.pause;
                ASSERT_LT(at, deadline);
                ++attempt.retries;
                ++again;
            }
            ASSERT_LE(attempt.retries, 2U);
            // Time does not go back for the budget.
            now = std::max(now, at);
        }
        const double elapsed = std::chrono::duration<double>(now - kNow).count();
        ASSERT_LE(static_cast<double>(again), static_cast<double>(first) * 0.2 + 3 * elapsed + 3);
    }
}

}  // namespace
}  // namespace gw::upstream
