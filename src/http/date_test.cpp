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

}  // namespace
}  // namespace gw::http
