#include "net/pace.hpp"

#include <gtest/gtest.h>

namespace gw::net {
namespace {

const Instant kStart{std::chrono::hours(1)};
constexpr PaceLimits kLimits{
    .stall = Millis{20'000}, .stretch = Millis{10'000}, .bytes_per_second = 256};

TEST(Pace, ADribbleIsCutAtTheEndOfTheFirstStretch) {
    Pace pace(kLimits);
    Instant now = kStart;
    while (pace.wait_until(now) > now) {
        now += Millis{1'000};
        pace.moved(1, now);
        ASSERT_LT(now, kStart + Millis{11'000});
    }
    EXPECT_EQ(now, kStart + Millis{10'000});
}

TEST(Pace, ASlowButHonestTransferGoesOnForHours) {
    Pace pace(kLimits);
    Instant now = kStart;
    for (int second = 0; second < 10'000; ++second) {
        ASSERT_GT(pace.wait_until(now), now);
        now += Millis{1'000};
        pace.moved(300, now);
    }
}

TEST(Pace, TimeNotSpentWaitingDoesNotCount) {
    Pace pace(kLimits);
    Instant now = kStart;
    for (int round = 0; round < 100; ++round) {
        ASSERT_GT(pace.wait_until(now), now);
        now += Millis{50};
        pace.moved(100, now);
        now += Millis{60'000};  // the other side was slow
    }
}

TEST(Pace, SilenceIsCutAfterTheStallEvenInALongStretch) {
    Pace pace({.stall = Millis{500}, .stretch = Millis{60'000}, .bytes_per_second = 1});
    EXPECT_EQ(pace.wait_until(kStart), kStart + Millis{500});
}

TEST(Pace, WithoutALeastRateOnlyTheStallCuts) {
    Pace pace({.stall = Millis{5'000}, .stretch = Millis{10'000}, .bytes_per_second = 0});
    Instant now = kStart;
    for (int round = 0; round < 100; ++round) {
        ASSERT_GT(pace.wait_until(now), now);
        now += Millis{4'000};
        pace.moved(1, now);
    }
}

}  // namespace
}  // namespace gw::net
