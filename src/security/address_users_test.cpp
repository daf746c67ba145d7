#include "security/address_users.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace gw::security {
namespace {

constexpr Instant kBegin{std::chrono::hours(1'000)};

IpAddress address(std::string_view text) {
    return *IpAddress::parse(text);
}

TEST(AddressUsers, CountsDifferentUsersOnly) {
    AddressUsers users(7);
    for (int i = 0; i < 100; ++i) {
        users.seen(address("203.0.113.7"), 42, kBegin);
    }
    EXPECT_EQ(users.count(address("203.0.113.7"), kBegin), 1U);
    EXPECT_EQ(users.count(address("203.0.113.8"), kBegin), 0U);
}

TEST(AddressUsers, EstimatesManyRoughly) {
    AddressUsers users(7);
    Random random(3);
    for (int i = 0; i < 200; ++i) {
        users.seen(address("203.0.113.7"), random.next(), kBegin);
    }
    EXPECT_NEAR(users.count(address("203.0.113.7"), kBegin), 200, 40);
}

TEST(AddressUsers, TakesTheBlockOfAnIpv6ClientAsOneAddress) {
    AddressUsers users(7);
    users.seen(address("2001:db8:1:2::1"), 1, kBegin);
    users.seen(address("2001:db8:1:2::2"), 2, kBegin);
    EXPECT_EQ(users.count(address("2001:db8:1:2::3"), kBegin), 2U);
    EXPECT_EQ(users.count(address("2001:db8:1:3::1"), kBegin), 0U);
}

TEST(AddressUsers, ForgetsAfterAnHour) {
    AddressUsers users(7);
    users.seen(address("203.0.113.7"), 1, kBegin);
    users.seen(address("203.0.113.7"), 2, kBegin + std::chrono::minutes(30));
    EXPECT_EQ(users.count(address("203.0.113.7"), kBegin + std::chrono::minutes(59)), 2U);
    EXPECT_EQ(users.count(address("203.0.113.7"), kBegin + std::chrono::minutes(60)), 1U);
    EXPECT_EQ(users.count(address("203.0.113.7"), kBegin + std::chrono::minutes(90)), 0U);
    users.seen(address("203.0.113.9"), 1, kBegin + std::chrono::hours(5));
    EXPECT_EQ(users.count(address("203.0.113.7"), kBegin + std::chrono::hours(5)), 0U);
}

TEST(AddressUsers, TakesNoMoreMemoryThanItMay) {
    AddressUsers users(7);
    for (std::uint32_t i = 0; i <= AddressUsers::kAddressesMax; ++i) {
        users.seen(IpAddress::v4({10, static_cast<std::uint8_t>(i >> 16),
                                  static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}),
                   1, kBegin);
    }
    EXPECT_EQ(users.count(address("10.0.0.0"), kBegin), 1U);
    EXPECT_EQ(users.count(address("10.0.195.80"), kBegin), 0U);
}

}  // namespace
}  // namespace gw::security
