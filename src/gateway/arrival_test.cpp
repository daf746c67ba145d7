#include "gateway/arrival.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

class ClientAddress : public ::testing::Test {
  protected:
    std::string seen(std::string_view peer, std::initializer_list<std::string_view> forwarded) {
        http::Headers headers;
        for (const std::string_view value : forwarded) {
            EXPECT_TRUE(headers.add(http::Known::x_forwarded_for, value));
        }
        return client_address(ip(peer), headers, trusted_).to_string();
    }
    std::vector<Cidr> trusted_{*Cidr::parse("10.0.0.0/8"), *Cidr::parse("::1/128")};
};

TEST_F(ClientAddress, APeerThatIsNotTrustedIsBelievedNothing) {
    EXPECT_EQ(seen("203.0.113.7", {"198.51.100.1"}), "203.0.113.7");
    EXPECT_EQ(seen("203.0.113.7", {}), "203.0.113.7");
}

TEST_F(ClientAddress, TheRightMostHopThatIsNotTrustedIsTheClient) {
    EXPECT_EQ(seen("10.0.0.1", {"1.1.1.1, 203.0.113.9, 10.2.3.4"}), "203.0.113.9");
    EXPECT_EQ(seen("10.0.0.1", {"127.0.0.1, 203.0.113.9"}), "203.0.113.9");
    EXPECT_EQ(seen("10.0.0.1", {"1.1.1.1", "203.0.113.9", "10.0.0.9"}), "203.0.113.9");
    EXPECT_EQ(seen("::1", {"2001:db8::1"}), "2001:db8::1");
    EXPECT_EQ(seen("10.0.0.1", {"::ffff:203.0.113.9"}), "203.0.113.9");
}

TEST_F(ClientAddress, AllTrustedGivesTheFarthest) {
    EXPECT_EQ(seen("10.0.0.1", {"10.0.0.3, 10.0.0.2"}), "10.0.0.3");
}

TEST_F(ClientAddress, APortBehindAHopIsLeftOut) {
    EXPECT_EQ(seen("10.0.0.1", {"203.0.113.9:443"}), "203.0.113.9");
    EXPECT_EQ(seen("10.0.0.1", {"203.0.113.9:65535, 10.0.0.2:1"}), "203.0.113.9");
    EXPECT_EQ(seen("10.0.0.1", {"[2001:db8::1]:80"}), "2001:db8::1");
    EXPECT_EQ(seen("10.0.0.1", {"[2001:db8::1]"}), "2001:db8::1");
    EXPECT_EQ(seen("10.0.0.1", {"203.0.113.9, [::1]:9"}), "203.0.113.9");
    EXPECT_EQ(seen("10.0.0.1", {"[::ffff:203.0.113.9]:80"}), "203.0.113.9");
    // Its last group, and no port.
    EXPECT_EQ(seen("10.0.0.1", {"2001:db8::1:80"}), "2001:db8::1:80");
    for (const std::string_view hop :
         {"203.0.113.9:", "203.0.113.9:x", "203.0.113.9:65536", "203.0.113.9:+1", ":80", "::1]:80",
          "[::2", "[::2]80", "[::2]:", "[::2]:x", "[::2]:1:2", "[203.0.113.9]:80", "[]:80",
          "[[::2]]:80", "203.0.113.9:000080"}) {
        EXPECT_EQ(seen("10.0.0.1", {hop}), "10.0.0.1") << hop;
    }
}

TEST_F(ClientAddress, WhatCannotBeReadEndsTheWalk) {
    EXPECT_EQ(seen("10.0.0.1", {"203.0.113.9, unknown"}), "10.0.0.1");
    EXPECT_EQ(seen("10.0.0.1", {"203.0.113.9, unknown, 10.0.0.2"}), "10.0.0.2");
    EXPECT_EQ(seen("10.0.0.1", {"fe80::1%eth0"}), "10.0.0.1");
    EXPECT_EQ(seen("10.0.0.1", {""}), "10.0.0.1");
    std::string many;
    for (int i = 0; i < 1'000; ++i) {
        many += "10.0.0.2, ";
    }
    EXPECT_EQ(seen("10.0.0.1", {many + "10.0.0.3"}), "10.0.0.2");
}

TEST(ClientId, OnlyShortPlainIdsAreTakenOver) {
    EXPECT_TRUE(acceptable_id("3f0c-A_b.9"));
    EXPECT_FALSE(acceptable_id(""));
    EXPECT_FALSE(acceptable_id("a b"));
    EXPECT_FALSE(acceptable_id("a\r\nx: y"));
    EXPECT_FALSE(acceptable_id("{\"a\"}"));
    EXPECT_FALSE(acceptable_id(std::string(129, 'a')));
}

}  // namespace
}  // namespace gw::gateway
