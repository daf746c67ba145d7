#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace gw {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

TEST(Clock, WhatOutlastsEveryClockHasNoEnd) {
    EXPECT_EQ(end_after(Millis(0), kNow), kNow);
    EXPECT_EQ(end_after(Millis(1'500), kNow), kNow + Millis(1'500));
    const Millis longest{kWallMsMax - epoch_ms(kNow)};
    EXPECT_EQ(end_after(longest, kNow), wall_at(kWallMsMax));
    EXPECT_EQ(end_after(longest + Millis(1), kNow), std::nullopt);
    EXPECT_EQ(end_after(Millis(9'999'999'999'000), kNow), std::nullopt);  // 317 years
    EXPECT_EQ(end_after(Millis(kMost), kNow), std::nullopt);
}

TEST(Clock, AMomentBeyondItIsItsFirstOrItsLast) {
    EXPECT_EQ(wall_at(1'800'000'000'000), kNow);
    EXPECT_EQ(wall_at(-1), WallTime{});
    EXPECT_EQ(wall_at(-kMost), WallTime{});
    EXPECT_EQ(wall_at(99'999'999'999'000), wall_at(kWallMsMax));
    EXPECT_GT(wall_at(kMost), kNow);
}

}  // namespace
}  // namespace gw
