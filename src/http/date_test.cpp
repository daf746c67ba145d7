#include "http/date.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

TEST(DateText, IsTheFixedForm) {
    DateText date;
    EXPECT_EQ(date.at(WallTime(std::chrono::seconds(1'795'417'200))),
              "Mon, 23 Nov 2026 07:00:00 GMT");
    EXPECT_EQ(date.at(WallTime(std::chrono::seconds(784'111'777))),
              "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Date, AllThreeFormsAreTheSameMoment) {
    const WallTime now{std::chrono::seconds{1'795'000'000}};
    const auto expected = WallTime{std::chrono::seconds{784'111'777}};
    EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now), expected);
    EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now), expected);
    EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", now), expected);
}

// Counted in nanoseconds a year beyond 2262 wrapped around, into the past.
TEST(Date, AYearThatCannotBeCountedIsTheLastOrTheFirstThatCan) {
    const WallTime now{std::chrono::seconds{1'795'000'000}};
    for (const char* text : {"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 2263 00:00:00 GMT"}) {
        const auto never = parse_date(text, now);
        ASSERT_TRUE(never.has_value()) << text;
        EXPECT_GT(*never, now + std::chrono::hours(24 * 365 * 100)) << text;
    }
    const auto long_ago = parse_date("Sat, 01 Jan 0001 00:00:00 GMT", now);
    ASSERT_TRUE(long_ago.has_value());
    EXPECT_LT(*long_ago, now - std::chrono::hours(24 * 365 * 200));
}

TEST(Date, WhatIsNoneOfThemIsNoDate) {
    const WallTime now{std::chrono::seconds{1'795'000'000}};
    for (const char* text : {"", "0", "-1", "Sun, 06 Nov 1994 08:49:37 UTC",
                             "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x",
                             "06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_date(text, now).has_value()) << text;
    }
}

}  // namespace
}  // namespace gw::http
