#include "observe/timestamp.hpp"

#include <gtest/gtest.h>

namespace gw::observe {
namespace {

WallTime at(std::int64_t ms) {
    return WallTime(Millis(ms));
}

TEST(Timestamp, IsUtcWithMilliseconds) {
    Timestamp timestamp;
    EXPECT_EQ(timestamp.text(at(1'795'417'200'123)), "2026-11-23T07:00:00.123Z");
    EXPECT_EQ(timestamp.text(at(0)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(timestamp.text(at(1'709'164'800'000)), "2024-02-29T00:00:00.000Z");
}

TEST(Timestamp, WhatItRemembersIsNeverShownForAnotherSecond) {
    Timestamp timestamp;
    EXPECT_EQ(timestamp.text(at(1'795'417'259'999)), "2026-11-23T07:00:59.999Z");
    EXPECT_EQ(timestamp.text(at(1'795'417'260'000)), "2026-11-23T07:01:00.000Z");
    EXPECT_EQ(timestamp.text(at(1'795'417'259'001)), "2026-11-23T07:00:59.001Z");  // set back
    EXPECT_EQ(timestamp.text(at(1'795'417'259'010)), "2026-11-23T07:00:59.010Z");
}

TEST(Timestamp, BeforeTheEpochToo) {
    Timestamp timestamp;
    EXPECT_EQ(timestamp.text(at(-1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace gw::observe
