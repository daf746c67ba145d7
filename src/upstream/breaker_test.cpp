#include "upstream/breaker.hpp"

#include <gtest/gtest.h>

#include "config/reader.hpp"
#include "upstream/breaker_call.hpp"
#include "upstream/breaker_set.hpp"
#include "upstream/retry_budget.hpp"

namespace gw::upstream {
namespace {

using Result = Breaker::Result;
using std::chrono::seconds;

constexpr Instant kBegin{std::chrono::hours(1'000)};

class BreakerTest : public testing::Test {
  protected:
    BreakerState state() { return breaker.snapshot(now).state; }
    void ask(Result result, int times = 1, Millis took = Millis(1)) {
        for (int i = 0; i < times; ++i) {
            const Breaker::Admission admission = breaker.admit(now);
            if (admission.admitted) {
                breaker.report(admission, result, took, now);
            }
        }
    }
    void open() {
        ask(Result::failure, 10);
        ASSERT_EQ(state(), BreakerState::open);
    }
    // Past the longest that an open breaker of this test waits.
    void wait_open(int doubled = 0) { now += seconds(34) * (1 << doubled); }

    Instant now = kBegin;
    int changes = 0;
    Breaker breaker{"event-service", BreakerOptions{.slow = Millis(1'000)}, 7,
                    [this](const std::string&) { ++changes; }};
};

TEST_F(BreakerTest, OpensWhenMoreThanHalfOfEnoughRequestsFail) {
    ask(Result::failure, 9);
    EXPECT_EQ(state(), BreakerState::closed);
    ask(Result::failure);
    EXPECT_EQ(state(), BreakerState::open);
    EXPECT_EQ(changes, 1);
    EXPECT_EQ(breaker.snapshot(now).why, "10 of 10 requests in 10 s failed");
    const Breaker::Admission refused = breaker.admit(now);
    EXPECT_FALSE(refused.admitted);
    EXPECT_GT(refused.retry_after, seconds(26));
    EXPECT_LT(refused.retry_after, seconds(34));
    EXPECT_EQ(breaker.snapshot(now).rejects, 1U);
}

TEST_F(BreakerTest, OpensAboveTheShareAndNotAtIt) {
    ask(Result::success, 10);
    ask(Result::failure, 10);
    EXPECT_EQ(state(), BreakerState::closed);
    ask(Result::failure);
    EXPECT_EQ(state(), BreakerState::open);
}

TEST_F(BreakerTest, AShareOfAHundredPercentIsAllOfThem) {
    breaker.configure({.error_threshold = 100, .slow = Millis(1'000), .slow_threshold = 100});
    ask(Result::success);
    ask(Result::failure, 20);
    EXPECT_EQ(state(), BreakerState::closed);
    now += seconds(11);
    ask(Result::failure, 10);
    EXPECT_EQ(state(), BreakerState::open);
}

TEST_F(BreakerTest, StaysClosedAtTheShareAndForgetsWithTheWindow) {
    ask(Result::success, 11);
    ask(Result::failure, 10);
    EXPECT_EQ(state(), BreakerState::closed);
    now += seconds(11);
    ask(Result::failure, 9);
    EXPECT_EQ(state(), BreakerState::closed);
}

// By a thread that has numbered its bucket before a reload gave the window another length, and
// counts after it.
TEST_F(BreakerTest, CountsOnWhereNumbersOfAnotherWindowAreLeft) {
    const Instant before = now;
    now += std::chrono::hours(1'000);
    for (int second = 0; second < 10; ++second, now += seconds(1)) {
        ask(Result::success);
    }
    now = before;
    open();
}

TEST_F(BreakerTest, OpensForSlowAnswers) {
    ask(Result::success, 2);
    ask(Result::success, 8, Millis(1'001));
    EXPECT_EQ(state(), BreakerState::closed);
    ask(Result::success, 1, Millis(1'001));
    EXPECT_EQ(state(), BreakerState::open);
}

TEST_F(BreakerTest, ClosesWhenAllThatTryHaveSucceeded) {
    open();
    wait_open();
    const auto one = breaker.admit(now);
    const auto two = breaker.admit(now);
    const auto three = breaker.admit(now);
    EXPECT_TRUE(one.probe && two.probe && three.probe);
    EXPECT_EQ(state(), BreakerState::half_open);
    EXPECT_FALSE(breaker.admit(now).admitted);
    breaker.report(one, Result::success, Millis(1), now);
    breaker.report(two, Result::success, Millis(1), now);
    EXPECT_EQ(state(), BreakerState::half_open);
    breaker.report(three, Result::success, Millis(1), now);
    EXPECT_EQ(state(), BreakerState::closed);
    // What was counted before is forgotten.
    ask(Result::failure, 9);
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, WaitsTwiceAsLongEachTimeThatTryingFails) {
    open();
    for (int i = 0; i < 3; ++i) {
        wait_open(i);
        ask(Result::failure);
        EXPECT_EQ(state(), BreakerState::open);
        const double left = std::chrono::duration<double>(breaker.admit(now).retry_after).count();
        EXPECT_NEAR(left, 30.0 * (2 << i), 3.1 * (2 << i));
    }
    now += seconds(600);
    ask(Result::success, 3);
    EXPECT_EQ(state(), BreakerState::closed);
    ask(Result::failure, 10);
    EXPECT_LT(breaker.admit(now).retry_after, seconds(34));
}

TEST_F(BreakerTest, TakesBackTheTurnOfWhoeverSaysNothing) {
    open();
    wait_open();
    for (int i = 0; i < 10; ++i) {
        const BreakerCall dropped(breaker, now);
        EXPECT_TRUE(dropped.admitted());
    }
    ask(Result::success, 3);
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, DoesNotWaitForEverForWhoeverTries) {
    open();
    wait_open();
    std::vector<Breaker::Admission> slow;
    for (int i = 0; i < 3; ++i) {
        slow.push_back(breaker.admit(now));
        EXPECT_TRUE(slow.back().probe);
    }
    breaker.report(slow[0], Result::success, Millis(1), now);
    EXPECT_FALSE(breaker.admit(now).admitted);
    EXPECT_FALSE(breaker.would_admit(now));
    now += seconds(31);
    EXPECT_TRUE(breaker.would_admit(now));
    ask(Result::success);
    EXPECT_EQ(state(), BreakerState::half_open);
    // What they say at last is of no use.
    breaker.report(slow[1], Result::failure, seconds(31), now);
    breaker.report(slow[2], Result::ignored, Millis(0), now);
    ask(Result::success);
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, IgnoresWhatSaysNothingOfTheService) {
    ask(Result::ignored, 1'000);
    ask(Result::failure, 9);
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, IsHeldOpenOrClosedByOperatorsForATime) {
    breaker.force(BreakerState::open, now + seconds(60), now);
    EXPECT_FALSE(breaker.admit(now).admitted);
    EXPECT_TRUE(breaker.snapshot(now).forced);
    now += seconds(60);
    EXPECT_TRUE(breaker.admit(now).admitted);
    breaker.force(BreakerState::closed, now + seconds(60), now);
    ask(Result::failure, 100);
    EXPECT_EQ(state(), BreakerState::closed);
    breaker.force(std::nullopt, now, now);
    open();
}

TEST_F(BreakerTest, AnOpenOneWaitsNoLongerThanAReloadSays) {
    open();
    breaker.configure({.slow = Millis(1'000), .reset_timeout = Millis(2'000)});
    EXPECT_EQ(state(), BreakerState::open);
    now += Millis(2'300);
    EXPECT_EQ(state(), BreakerState::half_open);
    EXPECT_TRUE(breaker.admit(now).admitted);
}

TEST_F(BreakerTest, AnOpenOneWaitsAsLongAsItBeganToWhereAReloadSaysNothingOfIt) {
    open();
    const Instant next_try = breaker.snapshot(now).next_try;
    breaker.configure({.volume_threshold = 3, .slow = Millis(1'000)});
    EXPECT_EQ(breaker.snapshot(now).next_try, next_try);
    // Nor longer, once it is open.
    breaker.configure({.slow = Millis(1'000), .reset_timeout = Millis(200'000)});
    EXPECT_EQ(breaker.snapshot(now).next_try, next_try);
}

TEST_F(BreakerTest, WhatIsForcedIsSoForItsTimeWhateverAReloadSays) {
    breaker.force(BreakerState::open, now + seconds(600), now);
    breaker.configure({.slow = Millis(1'000), .reset_timeout = Millis(2'000)});
    now += seconds(300);
    EXPECT_EQ(state(), BreakerState::open);
    EXPECT_FALSE(breaker.admit(now).admitted);
}

TEST_F(BreakerTest, CanBeTurnedOff) {
    open();
    breaker.configure({.enabled = false});
    EXPECT_EQ(state(), BreakerState::closed);
    ask(Result::failure, 100);
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, WorksAgainWhenTheTimeForWhichItWasHeldClosedIsOver) {
    breaker.force(BreakerState::closed, now + seconds(60), now);
    ask(Result::failure, 100);
    now += seconds(60);
    EXPECT_FALSE(breaker.snapshot(now).forced);
    ask(Result::failure, 11);  // the first of them finds that the time is over
    EXPECT_EQ(state(), BreakerState::open);
}

TEST_F(BreakerTest, DoesNotCountWhatWasLetThroughBeforeItChanged) {
    const auto early = breaker.admit(now);
    open();
    wait_open();
    const auto late = breaker.admit(now);
    ask(Result::failure);
    ASSERT_EQ(state(), BreakerState::open);
    wait_open(1);
    const auto one = breaker.admit(now);
    const auto two = breaker.admit(now);
    const auto three = breaker.admit(now);
    ASSERT_TRUE(three.probe);
    // One that tried the time before has been waiting ever since.
    breaker.report(late, Result::failure, Millis(1), now);
    EXPECT_EQ(state(), BreakerState::half_open);
    for (const auto& each : {one, two, three}) {
        breaker.report(each, Result::success, Millis(1), now);
    }
    EXPECT_EQ(state(), BreakerState::closed);
    for (int i = 0; i < 20; ++i) {
        breaker.report(early, Result::failure, Millis(1), now);
    }
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, ShowsWhatTimeAloneHasChanged) {
    open();
    wait_open();
    EXPECT_EQ(state(), BreakerState::half_open);
    EXPECT_EQ(breaker.snapshot(now).why,
              "requests may try; before, 10 of 10 requests in 10 s failed");
    breaker.force(BreakerState::open, now + seconds(600), now);
    now += seconds(599);
    EXPECT_EQ(state(), BreakerState::open);
    now += seconds(1);
    EXPECT_EQ(state(), BreakerState::closed);
    EXPECT_FALSE(breaker.snapshot(now).forced);
}

TEST_F(BreakerTest, ClosesAlsoWhenFewerMayTryThanBefore) {
    open();
    wait_open();
    ask(Result::success, 2);
    ASSERT_EQ(state(), BreakerState::half_open);
    breaker.configure({.probes = 2});
    ask(Result::success, 2);
    EXPECT_EQ(state(), BreakerState::closed);
}

TEST_F(BreakerTest, CountsChangesOfStateOnly) {
    breaker.force(BreakerState::closed, now + seconds(1), now);
    breaker.force(BreakerState::open, now + seconds(1), now);
    breaker.force(BreakerState::open, now + seconds(2), now);
    breaker.force(std::nullopt, now, now);
    const BreakerSnapshot found = breaker.snapshot(now);
    EXPECT_EQ(found.transitions, (std::array<std::uint64_t, 3>{1, 1, 0}));
}

// Whatever happens in whatever order, few try while it is not closed, and it recovers.
TEST(BreakerSim, LetsFewThroughToAServiceThatIsDownAndRecovers) {
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Breaker breaker("x", {}, seed, [](const std::string&) {});
        Instant now = kBegin;
        std::uint64_t passed = 0;
        const auto step = [&](bool up) {
            now += Millis(static_cast<std::int64_t>(random.below(40)));
            BreakerCall call(breaker, now);
            if (!call.admitted()) {
                return;
            }
            ++passed;
            if (random.below(20) != 0) {
                call.tell(up ? Result::success : Result::failure, now);
            }
        };
        for (int i = 0; i < 300; ++i) {
            step(true);
        }
        ASSERT_EQ(passed, 300U);
        for (int i = 0; i < 2'000; ++i) {
            step(false);
        }
        // What it takes to see it: at most as many again as the window held; then a few tries.
        EXPECT_LT(passed, 300 + 600 + 20U);
        passed = 0;
        for (int i = 0; i < 30'000 && breaker.snapshot(now).state != BreakerState::closed; ++i) {
            step(true);
        }
        EXPECT_EQ(breaker.snapshot(now).state, BreakerState::closed);
    }
}

TEST(RetryBudget, AddsAFifthAtMost) {
    RetryBudget budget;
    Instant now = kBegin;
    int again = 0;
    for (int i = 0; i < 10'000; ++i) {
        budget.sent();
        again += budget.take(now) ? 1 : 0;
    }
    EXPECT_LE(again, 2'000 + 3);
    EXPECT_GE(again, 1'990);
}

TEST(RetryBudget, LeavesAFewForAServiceThatIsSeldomAsked) {
    RetryBudget budget;
    Instant now = kBegin;
    EXPECT_TRUE(budget.take(now));
    EXPECT_TRUE(budget.take(now));
    EXPECT_TRUE(budget.take(now));
    EXPECT_FALSE(budget.take(now));
    EXPECT_TRUE(budget.take(now + seconds(1)));
}

TEST_F(BreakerTest, AClientThatSendsSlowlyDoesNotMakeAServiceSlow) {
    for (int i = 0; i < 20; ++i) {
        BreakerCall call(breaker, now);
        call.answered(now + seconds(20), now + seconds(20) - Millis(10));
    }
    EXPECT_EQ(state(), BreakerState::closed);
    now += seconds(60);
    for (int i = 0; i < 20; ++i) {
        BreakerCall call(breaker, now);
        call.answered(now + seconds(20), now + seconds(1));
    }
    EXPECT_EQ(state(), BreakerState::open);
}

TEST(BreakerSet, AServiceDiffersFromTheOthersInWhatItSays) {
    BreakerSet set([](const std::string&) {});
    set.configure({.volume_threshold = 10},
                  {{"careful", {.volume_threshold = 2, .reset_timeout = Millis(60'000)}}});
    Instant now = kBegin;
    for (const std::string name : {"careful", "other"}) {
        for (int i = 0; i < 2; ++i) {
            set.of(name).report(set.of(name).admit(now), Result::failure, Millis(1), now);
        }
    }
    EXPECT_EQ(set.of("careful").snapshot(now).state, BreakerState::open);
    EXPECT_EQ(set.of("other").snapshot(now).state, BreakerState::closed);
    now += seconds(40);
    EXPECT_EQ(set.of("careful").snapshot(now).state, BreakerState::open);
    now += seconds(30);
    EXPECT_EQ(set.of("careful").snapshot(now).state, BreakerState::half_open);
}

TEST(BreakerSet, ShowsTheServicesOfTheConfigurationAndKeepsWhatItKnowsOfOthers) {
    BreakerSet set([](const std::string&) {});
    const auto shown = [&] {
        std::vector<std::string> names;
        set.each([&](const Breaker& breaker) { names.push_back(breaker.name()); });
        return names;
    };
    const BreakerOptions options{.volume_threshold = 1};
    set.configure(options, {{"gone", {}}, {"stays", {}}});
    EXPECT_EQ(shown(), (std::vector<std::string>{"gone", "stays"}));
    Breaker& gone = set.of("gone");
    gone.report(gone.admit(kBegin), Result::failure, Millis(1), kBegin);
    set.configure(options, {{"stays", {}}});
    EXPECT_EQ(shown(), std::vector<std::string>{"stays"});
    EXPECT_EQ(set.find("gone"), nullptr);
    set.configure(options, {{"gone", {}}, {"stays", {}}});
    ASSERT_EQ(set.find("gone"), &gone);
    EXPECT_EQ(gone.snapshot(kBegin).state, BreakerState::open);
}

TEST(ServiceBreakerOptions, AreReadAndAllThatIsWrongIsToldWithItsPlace) {
    const auto reading = std::make_shared<config::Reading>();
    reading->document = config::Document::parse(
        "f.yaml", "reset_timeout_ms: 60000\nerror_threshold: 101\nprobes: 2\n", reading->mistakes);
    ServiceBreakerOptions options;
    read(config::Reader::root(reading), options);
    EXPECT_EQ(options.reset_timeout, Millis(60'000));
    ASSERT_EQ(reading->mistakes.size(), 2U);
    EXPECT_NE(reading->mistakes[0].to_string().find(":2:"), std::string::npos);
    EXPECT_NE(reading->mistakes[1].to_string().find(":3:"), std::string::npos);
}

}  // namespace
}  // namespace gw::upstream
