#include "control/limit_key.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

limits::Policy policy(std::vector<limits::KeyPart> key) {
    limits::PolicyOptions options;
    options.key = std::move(key);
    return {"general", options};
}
using Of = limits::KeyPart::Of;

TEST(LimitKey, IsShownAsPeopleReadIt) {
    EXPECT_EQ("user 42, tenant acme", readable_key("general:u=42|t=acme"));
    EXPECT_EQ("address 203.0.113.7", readable_key("general:a=cb007107"));
    EXPECT_EQ("address 2001:db8:1:2::/64", readable_key("general:a=20010db800010002"));
    EXPECT_EQ("user a…@example.com", readable_key("general:u=ana@example.com"));
    EXPECT_EQ("API key abcd…, no tenant", readable_key("general:k=abcdefgh|t"));
    EXPECT_EQ("user (hashed), eventId e1", readable_key("tickets:u=#abc|p.eventId=e1"));
    EXPECT_EQ("", readable_key("general:"));
    EXPECT_EQ("", readable_key(""));
    EXPECT_EQ("address zz", readable_key("general:a=zz"));
}

TEST(LimitKey, FollowsFromWhoSomebodyIs) {
    const auto user = LimitedOne::parse("user", "42");
    ASSERT_TRUE(user);
    const std::vector<std::string> routes{"/a", "/b"};
    EXPECT_EQ((std::vector<std::string>{"general:u=42"}), keys_for(policy({{}}), *user, routes));
    EXPECT_EQ((std::vector<std::string>{"general:u=42|r=/a", "general:u=42|r=/b"}).size(),
              keys_for(policy({{}, {Of::route, {}}}), *user, routes).size());
    EXPECT_TRUE(keys_for(policy({{}, {Of::parameter, "e"}}), *user, routes).empty());
    EXPECT_TRUE(keys_for(policy({{Of::tenant, {}}}), *user, routes).empty());
    EXPECT_TRUE(keys_for(policy({{Of::route, {}}}), *user, routes).empty());
    EXPECT_EQ(
        (std::vector<std::string>{"general:a=cb007107"}),
        keys_for(policy({{Of::address, {}}}), *LimitedOne::parse("ip", "203.0.113.7"), routes));
}

TEST(LimitKey, CountsForWhomItNames) {
    const std::string part = key_part_of(*LimitedOne::parse("user", "42"));
    EXPECT_EQ("u=42", part);
    EXPECT_TRUE(counts_for("tickets:u=42|p.eventId=e1", part));
    EXPECT_FALSE(counts_for("tickets:u=421|p.eventId=e1", part));
    EXPECT_FALSE(counts_for("tickets:p.eventId=e1|t=42", part));
    EXPECT_FALSE(LimitedOne::parse("user", ""));
    EXPECT_FALSE(LimitedOne::parse("ip", "nowhere"));
    EXPECT_FALSE(LimitedOne::parse("planet", "mars"));
}

}  // namespace
}  // namespace gw::control
