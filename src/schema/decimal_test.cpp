#include "schema/decimal.hpp"

#include <gtest/gtest.h>

namespace gw::schema {
namespace {

TEST(Decimal, IsWhatItIsWorthHoweverItIsWritten) {
    for (const auto* const one : {"100", "1e2", "100.000", "0.1E+3", "10000e-2"}) {
        EXPECT_EQ(Decimal(one), Decimal("100")) << one;
        EXPECT_TRUE(Decimal(one).is_integer()) << one;
    }
    EXPECT_EQ(Decimal("-0"), Decimal("0.00e9"));
    EXPECT_FALSE(Decimal("0.5").is_integer());
}

TEST(Decimal, ComparesToTheLastDigit) {
    EXPECT_LT(Decimal("9007199254740992"), Decimal("9007199254740993"));
    EXPECT_LT(Decimal("0.1"), Decimal("0.10000000000000000000000000001"));
    EXPECT_LT(Decimal("-1e400"), Decimal("-1e399"));
    EXPECT_LT(Decimal("-1"), Decimal("0"));
    EXPECT_LT(Decimal("0"), Decimal("1e-400"));
    EXPECT_GT(Decimal("1e9999999999999999999"), Decimal("9e999999999"));
}

TEST(Decimal, DividesExactly) {
    EXPECT_TRUE(Decimal("0.3").is_multiple_of(Decimal("0.1")));
    EXPECT_TRUE(Decimal("19.99").is_multiple_of(Decimal("0.01")));
    EXPECT_FALSE(Decimal("19.995").is_multiple_of(Decimal("0.01")));
    EXPECT_TRUE(Decimal("1e308").is_multiple_of(Decimal("0.5")));
    EXPECT_TRUE(Decimal("123456789012345678901234567890").is_multiple_of(Decimal("10")));
    EXPECT_FALSE(Decimal("123456789012345678901234567891").is_multiple_of(Decimal("2")));
    EXPECT_TRUE(Decimal("1e1000000000000").is_multiple_of(Decimal("8")));
    EXPECT_TRUE(Decimal("0").is_multiple_of(Decimal("7")));
}

TEST(Decimal, KnowsWhichIntegersHoldIt) {
    EXPECT_TRUE(Decimal("2147483647").fits_int(32));
    EXPECT_FALSE(Decimal("2147483648").fits_int(32));
    EXPECT_TRUE(Decimal("-2147483648").fits_int(32));
    EXPECT_TRUE(Decimal("9223372036854775807").fits_int(64));
    EXPECT_FALSE(Decimal("9223372036854775808").fits_int(64));
    EXPECT_FALSE(Decimal("1e30").fits_int(64));
    EXPECT_FALSE(Decimal("1.5").fits_int(64));
    EXPECT_EQ(Decimal("3e3").whole(), 3'000U);
    EXPECT_EQ(Decimal("-1").whole(), std::nullopt);
    EXPECT_EQ(Decimal("1e12").whole(), std::nullopt);
}

}  // namespace
}  // namespace gw::schema
