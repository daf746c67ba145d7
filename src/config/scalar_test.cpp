#include "config/scalar.hpp"

#include <gtest/gtest.h>

namespace gw::config {
namespace {

std::string flaw_of(const auto& parsed) {
    return parsed ? "no flaw" : parsed.error().what + "; " + parsed.error().remedy;
}

TEST(Scalar, ReadsWholeNumbersInTheirRange) {
    EXPECT_EQ(parse_integer({"65535"}, {0, 65'535}), 65'535);
    EXPECT_EQ(parse_integer({"-1"}, {-1, 1}), -1);
    EXPECT_EQ(flaw_of(parse_integer({"70000"}, {0, 65'535})),
              "is 70000; use a whole number from 0 to 65535");
    EXPECT_EQ(flaw_of(parse_integer({"99999999999999999999"}, {0, 9})),
              "is 99999999999999999999; use a whole number from 0 to 9");
}

TEST(Scalar, RefusesWhatIsNoWholeNumber) {
    for (const char* text : {"", " 1", "1 ", "1.0", "1e3", "0x10", "+1", "1_000", "ten", "-"}) {
        EXPECT_EQ(flaw_of(parse_integer({text}, {0, 9'999})),
                  "is \"" + std::string(text) + "\"; use a whole number from 0 to 9999");
    }
    EXPECT_EQ(flaw_of(parse_integer({"5", true}, {1, 9})),
              "is \"5\"; use a whole number from 1 to 9, without quotes");
    EXPECT_EQ(flaw_of(parse_integer({"0"}, {1, std::numeric_limits<std::int64_t>::max()})),
              "is 0; use a whole number of at least 1");
}

TEST(Scalar, ReadsTrueAndFalseOnly) {
    EXPECT_EQ(parse_bool({"true"}), true);
    EXPECT_EQ(parse_bool({"false"}), false);
    for (const char* text : {"yes", "on", "1", "True", ""}) {
        EXPECT_FALSE(parse_bool({text}).has_value()) << text;
    }
    EXPECT_FALSE(parse_bool({"true", true}).has_value());
}

TEST(Scalar, FindsNamesInAnyCase) {
    constexpr std::array<std::string_view, 3> kNames{"DEBUG", "INFO", "WARN"};
    EXPECT_EQ(parse_name({"info"}, kNames), 1U);
    EXPECT_EQ(flaw_of(parse_name({"loud"}, kNames)), "is \"loud\"; use DEBUG, INFO or WARN");
}

TEST(Scalar, ReadsAddressBlocks) {
    EXPECT_TRUE(parse_cidr({"10.0.0.0/8"}).has_value());
    EXPECT_EQ(flaw_of(parse_cidr({"10.0.0.0/33"})),
              "is \"10.0.0.0/33\"; write an address or a block such as 10.0.0.0/8 or fd00::/8");
}

TEST(Scalar, SaysThatALineBreakIsInTheWay) {
    EXPECT_EQ(parse_integer({"60\n"}, Range{0, 100}).error().what,
              "is \"60\\x0a\", with a line break at its end");
}

TEST(Scalar, NeverShowsASecret) {
    const Text secret{"hunter2", false, true};
    EXPECT_EQ(flaw_of(parse_integer(secret, {0, 1})).find("hunter2"), std::string::npos);
    EXPECT_EQ(flaw_of(parse_bool(secret)).find("hunter2"), std::string::npos);
}

TEST(Scalar, BoundsTexts) {
    EXPECT_TRUE(parse_string({std::string(64 * 1024, 'x')}, {}).has_value());
    const std::string longer(64 * 1024 + 1, 'x');
    EXPECT_FALSE(parse_string({longer}, {}).has_value());
}

TEST(Scalar, EscapesAndCutsWhatItQuotes) {
    EXPECT_EQ(quote("a\nb\x1b"), "\"a\\x0ab\\x1b\"");
    EXPECT_EQ(quote(std::string(200, 'x')), "\"" + std::string(80, 'x') + "…\"");
}

TEST(Nearest, FindsSlipsOfAFinger) {
    const std::vector<std::string_view> names{"timeout_ms", "service", "methods", "path"};
    EXPECT_EQ(nearest("timeot_ms", names), "timeout_ms");
    EXPECT_EQ(nearest("sevrice", names), "service");
    EXPECT_EQ(nearest("method", names), "methods");
    EXPECT_EQ(nearest("PATH", names), "path");
    EXPECT_EQ(nearest("colour", names), "");
    EXPECT_EQ(nearest("", names), "");
    EXPECT_EQ(nearest(std::string(10'000, 'x'), names), "");
}

}  // namespace
}  // namespace gw::config
