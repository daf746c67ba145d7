#include "config/span_text.hpp"

#include <gtest/gtest.h>

namespace gw::config {
namespace {

TEST(SpanText, ReadsSecondsAndUnits) {
    EXPECT_EQ(SpanText::parse("900")->value.count(), 900);
    EXPECT_EQ(SpanText::parse("900s")->value.count(), 900);
    EXPECT_EQ(SpanText::parse("15m")->value.count(), 900);
    EXPECT_EQ(SpanText::parse("1h")->value.count(), 3'600);
    EXPECT_EQ(SpanText::parse("7d")->value.count(), 604'800);
}

TEST(SpanText, RefusesWhatIsNoTime) {
    for (const char* text : {"", "0", "-5m", "15 m", "15min", "m", "1.5h", "99999999999999999999",
                             "999999999d", "1e3"}) {
        EXPECT_FALSE(SpanText::parse(text)) << text;
    }
}

TEST(SpanText, IsWrittenInTheLargestUnitThatDividesIt) {
    EXPECT_EQ(SpanText{std::chrono::seconds(900)}.to_string(), "15m");
    EXPECT_EQ(SpanText{std::chrono::seconds(86'400)}.to_string(), "1d");
    EXPECT_EQ(SpanText{std::chrono::seconds(61)}.to_string(), "61s");
}

}  // namespace
}  // namespace gw::config
