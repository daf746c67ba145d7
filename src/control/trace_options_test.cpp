#include "control/trace_options.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

TEST(SampleShare, IsANumberFromZeroToOne) {
    for (const auto& [text, millionths] : std::initializer_list<std::pair<const char*, unsigned>>{
             {"0", 0}, {"1", 1'000'000}, {"0.05", 50'000}, {"1.0", 1'000'000}, {"0.000001", 1}}) {
        const auto share = SampleShare::parse(text);
        ASSERT_TRUE(share) << text;
        EXPECT_EQ(share->millionths, millionths) << text;
        EXPECT_EQ(SampleShare::parse(share->to_string()).value(), *share) << text;
    }
    for (const char* text : {"", "1.5", "-0.1", "nan", "inf", "lots", "0.1x", " 1"}) {
        EXPECT_FALSE(SampleShare::parse(text)) << text;
    }
}

TEST(OtlpEndpoint, IsAPlainHttpUrl) {
    const auto usual = OtlpEndpoint::parse("http://otel");
    ASSERT_TRUE(usual);
    EXPECT_EQ(usual->to_string(), "http://otel:4318");
    const auto whole = OtlpEndpoint::parse("http://[::1]:4319/a/b/");
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->host, "::1");
    EXPECT_EQ(whole->port, 4'319);
    EXPECT_EQ(whole->path, "/a/b");
    EXPECT_EQ(whole->to_string(), "http://[::1]:4319/a/b");
    EXPECT_FALSE(OtlpEndpoint::parse("").value().set());
    for (const char* text :
         {"https://otel", "otel:4318", "http://", "http://otel:0", "http://otel:70000",
          "http://otel:x", "http://a b", "http://a/?x", "http://u@otel"}) {
        EXPECT_FALSE(OtlpEndpoint::parse(text)) << text;
    }
}

TEST(OtlpEndpoint, IsNotShownWhereItMayHoldAPassword) {
    for (const char* text : {"http://u:sesame@otel:4318", "https://u:sesame@otel",
                             "http://u:se/same@otel", "u:sesame@otel", "http://u:sesame@"}) {
        const auto refused = OtlpEndpoint::parse(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_FALSE(refused.error().what.contains("same")) << refused.error().what;
    }
    EXPECT_EQ(OtlpEndpoint::parse("http://otel:0").error().what, "is \"http://otel:0\"");
}

}  // namespace
}  // namespace gw::control
