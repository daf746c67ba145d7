#include "control/line_query.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

TEST(LineQuery, SaysWhichLinesAreWanted) {
    const observe::LineFilter filter =
        read_filter("user=4%202&tenant=t1&address=203.0.113.&route=%2Fa&status=5xx&text=x%26y");
    EXPECT_EQ(filter.user, "4 2");
    EXPECT_EQ(filter.tenant, "t1");
    EXPECT_EQ(filter.address, "203.0.113.");
    EXPECT_EQ(filter.route, "/a");
    EXPECT_EQ(filter.status, "5xx");
    EXPECT_EQ(filter.text, "x&y");
    EXPECT_TRUE(filter.requests && filter.events);
}

TEST(LineQuery, RequestsAloneOrEventsAlone) {
    EXPECT_FALSE(read_filter("only=requests").events);
    EXPECT_TRUE(read_filter("only=requests").requests);
    EXPECT_FALSE(read_filter("only=events").requests);
}

TEST(LineQuery, WhatIsNoQueryIsPassedOver) {
    for (const std::string_view query : {"", "&&", "=", "user", "user=%", "user=%zz", "nobody=1"}) {
        const observe::LineFilter filter = read_filter(query);
        EXPECT_TRUE(filter.user.empty()) << query;
        EXPECT_TRUE(filter.requests && filter.events);
    }
    EXPECT_LE(read_filter("text=" + std::string(10'000, 'x')).text.size(), 200U);
}

}  // namespace
}  // namespace gw::control
