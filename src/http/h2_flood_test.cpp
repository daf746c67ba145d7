#include "http/h2_flood.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

constexpr Instant kBegin{Millis{1'000'000}};

int spent(H2Flood& flood, H2Cost cost, Instant now) {
    int count = 0;
    while (count < 100'000 && flood.spend(cost, now)) {
        ++count;
    }
    return count;
}

TEST(H2Flood, LetsABurstPassAndNoMore) {
    for (const H2Cost cost : {H2Cost::reset, H2Cost::settings, H2Cost::ping, H2Cost::priority,
                              H2Cost::empty_data, H2Cost::window_update}) {
        H2Flood flood;
        EXPECT_GE(spent(flood, cost, kBegin), 100);
        EXPECT_FALSE(flood.spend(cost, kBegin));
    }
}

TEST(H2Flood, RefillsWithTime) {
    H2Flood flood;
    const int burst = spent(flood, H2Cost::reset, kBegin);
    EXPECT_EQ(spent(flood, H2Cost::reset, kBegin + Millis{1'000}), 20);
    EXPECT_EQ(spent(flood, H2Cost::reset, kBegin + Millis{3'600'000}), burst);
}

TEST(H2Flood, ManySmallWaitsRefillAsMuchAsOneLong) {
    H2Flood flood;
    spent(flood, H2Cost::reset, kBegin);
    int passed = 0;
    for (int ms = 1; ms <= 1'000; ++ms) {
        passed += flood.spend(H2Cost::reset, kBegin + Millis{ms}) ? 1 : 0;
    }
    EXPECT_GE(passed, 19);
    EXPECT_LE(passed, 20);
}

TEST(H2Flood, WhoReadsBodiesMayAcknowledgeEachFrameTwice) {
    H2Flood flood;
    spent(flood, H2Cost::window_update, kBegin);
    for (int i = 0; i < 100; ++i) {
        flood.sent_data(200);
    }
    EXPECT_GE(spent(flood, H2Cost::window_update, kBegin), 200);
    EXPECT_FALSE(flood.spend(H2Cost::window_update, kBegin));
}

// A client that is slow to read has all the frames before it says anything about the first.
TEST(H2Flood, WhoAcknowledgesLateLosesNothing) {
    H2Flood flood;
    EXPECT_TRUE(flood.spend(H2Cost::window_update, kBegin));
    for (int i = 0; i < 5'000; ++i) {
        flood.sent_data(200);
    }
    const Instant later = kBegin + Millis{60'000};
    EXPECT_GE(spent(flood, H2Cost::window_update, later), 10'000);
    EXPECT_FALSE(flood.spend(H2Cost::window_update, later));
}

// What becomes of windows when each frame is acknowledged by itself: a few large ones, many small.
TEST(H2Flood, WhoGetsEverSmallerFramesMayAcknowledgeThemAll) {
    H2Flood flood;
    for (int round = 0; round < 1'000; ++round) {
        flood.sent_data(4'096);
        for (int i = 0; i < 60; ++i) {
            flood.sent_data(3);
            EXPECT_TRUE(flood.spend(H2Cost::window_update, kBegin));
            EXPECT_TRUE(flood.spend(H2Cost::window_update, kBegin));
        }
    }
}

TEST(H2Flood, WhoAsksByteByByteEarnsNextToNothing) {
    H2Flood flood;
    EXPECT_TRUE(flood.spend(H2Cost::window_update, kBegin));
    for (int i = 0; i < 10'000; ++i) {
        flood.sent_data(1);
    }
    EXPECT_LT(spent(flood, H2Cost::window_update, kBegin), 2'000 + 10'000 / 16 + 1);
}

}  // namespace
}  // namespace gw::http
