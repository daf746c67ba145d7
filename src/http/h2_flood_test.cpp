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

TEST(H2Flood, WhoReadsBodiesMayAcknowledgeThem) {
    H2Flood flood;
    spent(flood, H2Cost::window_update, kBegin);
    flood.sent(512UL * 100 + 100);
    EXPECT_EQ(spent(flood, H2Cost::window_update, kBegin), 100);
    for (int i = 0; i < 1'000; ++i) {
        flood.sent(1);
    }
    EXPECT_EQ(spent(flood, H2Cost::window_update, kBegin), 2);
}

}  // namespace
}  // namespace gw::http
