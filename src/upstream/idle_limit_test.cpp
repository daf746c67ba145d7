#include "upstream/idle_limit.hpp"

#include <gtest/gtest.h>

namespace gw::upstream {
namespace {

constexpr Instant kNow{std::chrono::hours(100)};
constexpr Millis kConfigured{4'000};

constexpr Millis kLater{10'000};

TEST(IdleLimit, IsTheConfiguredOneUntilTheServiceShowsItsOwn) {
    IdleLimit idle;
    EXPECT_EQ(idle.limit(kConfigured, kNow), kConfigured);
    idle.closed_after(Millis(2'000), kNow);
    EXPECT_EQ(idle.limit(kConfigured, kNow), kConfigured);
    idle.closed_after(Millis(2'003), kNow + kLater);
    EXPECT_EQ(idle.limit(kConfigured, kNow + kLater), Millis(1'600));
}

TEST(IdleLimit, DoesNotLearnFromARestart) {
    IdleLimit idle;
    for (int each = 500; each < 4'000; each += 20) {
        idle.closed_after(Millis(each), kNow);
    }
    EXPECT_EQ(idle.limit(kConfigured, kNow), kConfigured);
}

TEST(IdleLimit, DoesNotLearnFromDifferentTimes) {
    IdleLimit idle;
    Instant now = kNow;
    for (const int each : {3'900, 700, 2'200, 900, 1'500}) {
        idle.closed_after(Millis(each), now += kLater);
    }
    EXPECT_EQ(idle.limit(kConfigured, now), kConfigured);
}

TEST(IdleLimit, DoesNotLearnFromAccidents) {
    IdleLimit idle;
    idle.closed_after(Millis(5), kNow);
    idle.closed_after(Millis(5), kNow + kLater);
    EXPECT_EQ(idle.limit(kConfigured, kNow + kLater), kConfigured);
}

TEST(IdleLimit, TakesTheServiceAtItsWord) {
    IdleLimit idle;
    idle.announced(std::chrono::seconds(3));
    EXPECT_EQ(idle.limit(kConfigured, kNow), Millis(2'400));
    idle.announced(std::chrono::seconds(60));
    EXPECT_EQ(idle.limit(kConfigured, kNow), kConfigured);
    idle.announced(std::chrono::seconds(0));
    EXPECT_EQ(idle.limit(kConfigured, kNow), Millis(0));
}

TEST(IdleLimit, ForgetsWhatTheServiceDoesNoLonger) {
    IdleLimit idle;
    idle.closed_after(Millis(1'000), kNow - kLater);
    idle.closed_after(Millis(1'000), kNow);
    EXPECT_EQ(idle.limit(kConfigured, kNow + std::chrono::minutes(14)), Millis(800));
    EXPECT_EQ(idle.limit(kConfigured, kNow + std::chrono::minutes(15)), kConfigured);
}

}  // namespace
}  // namespace gw::upstream
