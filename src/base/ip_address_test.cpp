#include "base/ip_address.hpp"

#include <gtest/gtest.h>

namespace gw {
namespace {

std::string canonical(std::string_view text) {
    const auto address = IpAddress::parse(text);
    return address ? address->to_string() : "refused";
}

bool contains(std::string_view block, std::string_view address) {
    return Cidr::parse(block).value().contains(IpAddress::parse(address).value());
}

TEST(IpAddress, ReadsAndWritesIPv4) {
    for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "203.0.113.7"}) {
        EXPECT_EQ(canonical(text), text);
    }
    EXPECT_TRUE(IpAddress::parse("1.2.3.4")->is_v4());
    EXPECT_EQ(*IpAddress::parse("1.2.3.4"), IpAddress::v4({1, 2, 3, 4}));
}

TEST(IpAddress, RefusesLooseIPv4) {
    for (const char* text : {"",           "1",        "1.2.3",     "1.2.3.4.5",  "1.2.3.",
                             ".1.2.3",     "1..2.3",   "01.2.3.4",  "1.2.3.00",   "256.1.1.1",
                             "1.2.3.999",  "1.2.3.4 ", " 1.2.3.4",  "1.2.3.4:80", "0x7f.0.0.1",
                             "2130706433", "1.2.3.+4", "1.2.3.4/8", "a.b.c.d",    "1,2,3,4"}) {
        EXPECT_EQ(canonical(text), "refused") << text;
    }
}

// RFC 5952, 4: lower case, no leading zeros, the first longest run of zeros shortened, never a
// single group.
TEST(IpAddress, WritesIPv6InItsOneForm) {
    const std::pair<const char*, const char*> forms[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"0:0:1::", "0:0:1::"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
    for (const auto& [text, expected] : forms) {
        EXPECT_EQ(canonical(text), expected) << text;
        EXPECT_EQ(canonical(expected), expected);
        EXPECT_FALSE(IpAddress::parse(text)->is_v4());
    }
}

TEST(IpAddress, RefusesLooseIPv6) {
    for (const char* text : {":",
                             ":::",
                             "1",
                             "1:",
                             ":1",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1::2::3",
                             "1:::2",
                             "::1:2:3:4:5:6:7:8",
                             "12345::",
                             "g::",
                             "::1%eth0",
                             "[::1]",
                             "::1/64",
                             " ::1",
                             "::1 ",
                             "1:2:3:4:5:6:7:1.2.3.4",
                             "::1.2.3",
                             "::1.2.3.4:5",
                             "1.2.3.4::",
                             "::01.2.3.4",
                             "-1::",
                             "1:2:3:4:5:6:7:8::",
                             "::1:2:3:4:5:6:7:",
                             "0000:0000:0000:0000:0000:0000:255.255.255.2555"}) {
        EXPECT_EQ(canonical(text), "refused") << text;
    }
}

TEST(IpAddress, AMappedAddressIsTheIPv4Address) {
    for (const char* text :
         {"::ffff:203.0.113.7", "::FFFF:cb00:7107", "0:0:0:0:0:ffff:203.0.113.7"}) {
        EXPECT_EQ(canonical(text), "203.0.113.7");
        EXPECT_EQ(IpAddress::parse(text), IpAddress::parse("203.0.113.7"));
    }
    EXPECT_EQ(canonical("::203.0.113.7"), "::cb00:7107");  // compatible, not mapped
    EXPECT_EQ(canonical("::fffe:1.2.3.4"), "::fffe:102:304");
}

TEST(IpAddress, TheLongestTextFits) {
    const auto address = IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    ASSERT_TRUE(address);
    char text[IpAddress::kTextMax];
    EXPECT_LE(address->write(text), IpAddress::kTextMax);
}

TEST(IpAddress, AddressesAreOrderedAndComparable) {
    EXPECT_LT(*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"));
    EXPECT_NE(*IpAddress::parse("::"), *IpAddress::parse("0.0.0.0"));
}

TEST(Cidr, ContainsItsBlockAndNothingElse) {
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
    EXPECT_TRUE(contains("192.168.4.0/22", "192.168.7.255"));
    EXPECT_FALSE(contains("192.168.4.0/22", "192.168.8.0"));
    EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
    EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
    EXPECT_TRUE(contains("::/0", "::1"));
    EXPECT_FALSE(contains("::/0", "1.2.3.4"));
    EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(contains("::1/128", "::1"));
    EXPECT_FALSE(contains("::1/128", "::2"));
}

TEST(Cidr, AnAddressAloneIsABlockOfOne) {
    EXPECT_TRUE(contains("203.0.113.7", "203.0.113.7"));
    EXPECT_FALSE(contains("203.0.113.7", "203.0.113.8"));
    EXPECT_EQ(Cidr::parse("2001:db8::1")->bits, 128U);
}

TEST(Cidr, BitsBehindThePrefixAreDropped) {
    EXPECT_EQ(Cidr::parse("10.1.2.3/8")->base.to_string(), "10.0.0.0");
    EXPECT_EQ(Cidr::parse("192.168.7.9/22")->base.to_string(), "192.168.4.0");
    EXPECT_EQ(Cidr::parse("2001:db8:ffff::/33")->base.to_string(), "2001:db8:8000::");
    EXPECT_EQ(Cidr::parse("1.2.3.4/0")->base.to_string(), "0.0.0.0");
}

TEST(Cidr, BlocksOfMappedAddressesAreBlocksOfIPv4) {
    EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
    EXPECT_EQ(Cidr::parse("::ffff:10.0.0.0/104")->bits, 8U);
    EXPECT_FALSE(Cidr::parse("::ffff:10.0.0.0/95"));
}

TEST(Cidr, RefusesWhatIsNoBlock) {
    for (const char* text :
         {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/08", "10.0.0.0/-1",
          "10.0.0.0/8/8", "10.0/16", "10.0.0.0 /8", "10.0.0.0/255.0.0.0", "x/8"}) {
        EXPECT_FALSE(Cidr::parse(text)) << text;
    }
}

}  // namespace
}  // namespace gw
