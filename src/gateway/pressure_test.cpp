#include "gateway/pressure.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

constexpr std::uint64_t kMost = 1'000'000'000;

TEST(Pressure, GrowsStepByStep) {
    EXPECT_EQ(pressure_of(kMost / 2, kMost, Pressure::none), Pressure::none);
    EXPECT_EQ(pressure_of(kMost / 100 * 89, kMost, Pressure::none), Pressure::low);
    EXPECT_EQ(pressure_of(kMost / 100 * 93, kMost, Pressure::none), Pressure::normal);
    EXPECT_EQ(pressure_of(kMost / 100 * 97, kMost, Pressure::none), Pressure::all);
    EXPECT_EQ(pressure_of(kMost * 3, kMost, Pressure::none), Pressure::all);
}

TEST(Pressure, IsTakenBackOnlyWhenThereIsAirAgain) {
    EXPECT_EQ(pressure_of(kMost / 100 * 87, kMost, Pressure::none), Pressure::none);
    EXPECT_EQ(pressure_of(kMost / 100 * 87, kMost, Pressure::low), Pressure::low);
    EXPECT_EQ(pressure_of(kMost / 100 * 84, kMost, Pressure::low), Pressure::none);
    EXPECT_EQ(pressure_of(kMost / 100 * 94, kMost, Pressure::all), Pressure::all);
    EXPECT_EQ(pressure_of(kMost / 100 * 91, kMost, Pressure::all), Pressure::normal);
}

TEST(Pressure, NoLimitIsNone) {
    EXPECT_EQ(pressure_of(kMost, 0, Pressure::all), Pressure::none);
}

}  // namespace
}  // namespace gw::gateway
