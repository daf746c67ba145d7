#include "http/authority.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gw::http {
namespace {

bool same(std::string_view a, std::string_view b, std::uint16_t port) {
    return same_authority(parse_authority(a).value(), parse_authority(b).value(), port);
}

TEST(Authority, ReadsHostsAndPorts) {
    EXPECT_EQ(parse_authority("api.example.com")->host, "api.example.com");
    EXPECT_EQ(parse_authority("api.example.com")->port, 0);
    EXPECT_EQ(parse_authority("localhost:3000")->host, "localhost");
    EXPECT_EQ(parse_authority("localhost:3000")->port, 3000);
    EXPECT_EQ(parse_authority("127.0.0.1:65535")->port, 65535);
    EXPECT_EQ(parse_authority("[::1]:80")->host, "[::1]");
    EXPECT_EQ(parse_authority("[2001:db8::1]")->host, "[2001:db8::1]");
    EXPECT_EQ(parse_authority("my_service.local.")->host, "my_service.local.");
}

TEST(Authority, RefusesWhatSomebodyCouldReadDifferently) {
    for (const char* text : {"",       ":80",       "a:",    "a:0",          "a:65536", "a:+1",
                             "a:8x",   "a:80:80",   "a,b",   "a, b",         "a/../b",  "a@b",
                             "user@a", "a b",       " a",    "a ",           "a\tb",    "a?x",
                             "a#x",    "a\\b",      "a%2eb", "caf\xC3\xA9",  "[::1",    "::1",
                             "[::1]x", "[1.2.3.4]", "[]",    "[::1%25eth0]", "[v1.x]",  "a\"b",
                             "<a>",    "a:000080"}) {
        EXPECT_FALSE(parse_authority(text)) << text;
    }
    EXPECT_TRUE(parse_authority(std::string(255, 'a')));
    EXPECT_FALSE(parse_authority(std::string(256, 'a')));
}

TEST(Authority, ComparesHostsInAnyCaseAndPortsWithTheSchemes) {
    EXPECT_TRUE(same("A.example", "a.EXAMPLE", 80));
    EXPECT_TRUE(same("a:80", "a", 80));
    EXPECT_TRUE(same("a", "a:443", 443));
    EXPECT_FALSE(same("a:443", "a", 80));
    EXPECT_FALSE(same("a:81", "a:80", 80));
    EXPECT_FALSE(same("a", "b", 80));
    EXPECT_FALSE(same("a.", "a", 80));
}

}  // namespace
}  // namespace gw::http
