#include "observe/trace.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gw::observe {
namespace {

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Traceparent, IsReadAndWrittenTheSame) {
    const auto trace = parse_traceparent(kGood);
    ASSERT_TRUE(trace.has_value());
    EXPECT_TRUE(trace->sampled);
    std::string out(kTraceparentSize, ' ');
    write_traceparent(*trace, out.data());
    EXPECT_EQ(out, kGood);
}

TEST(Traceparent, MalformedBeginsANewTrace) {
    for (const std::string_view bad :
         {"", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
          "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "0G-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
          "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
        EXPECT_FALSE(parse_traceparent(bad).has_value()) << bad;
    }
}

TEST(Traceparent, ALaterVersionIsReadAsFarAsItIsKnown) {
    for (const std::string_view later :
         {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
          "fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-"}) {
        const auto trace = parse_traceparent(later);
        ASSERT_TRUE(trace.has_value()) << later;
        std::string out(kTraceparentSize, ' ');
        write_traceparent(*trace, out.data());
        EXPECT_EQ(out, kGood) << later;
    }
}

}  // namespace
}  // namespace gw::observe
