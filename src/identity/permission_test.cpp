#include "identity/permission.hpp"

#include <gtest/gtest.h>

namespace gw::identity {
namespace {

TEST(Permission, IsHeldByNameByResourceOrAltogether) {
    struct Case {
        const char* held;
        const char* wanted;
        bool allowed;
    };
    const Case cases[] = {{"tickets:view", "tickets:view", true},
                          {"tickets:view", "tickets:view-own", false},
                          {"tickets:view-own", "tickets:view", false},
                          {"tickets:view-own", "tickets:view-own", true},
                          {"tickets:*", "tickets:view-own", true},
                          {"tickets:*", "ticketsx:view", false},
                          {"tickets*", "tickets:view", false},
                          {"tick:*", "tickets:view", false},
                          {"*", "tickets:view", true},
                          {"*:*", "tickets:view", false},
                          {"", "tickets:view", false},
                          {"Tickets:view", "tickets:view", false}};
    for (const auto& [held, wanted, allowed] : cases) {
        Identity caller;
        caller.permissions = {"other:thing", held};
        EXPECT_EQ(allows(caller, wanted), allowed) << held << ' ' << wanted;
    }
}

TEST(Permission, ARoleBringsItsOwn) {
    Identity caller;
    for (const auto& [role, allowed] : {std::pair("admin", true),
                                        {"venue-owner", true},
                                        {"venue-manager", true},
                                        {"box-office", true},
                                        {"customer", false},
                                        {"Admin", false},
                                        {"", false}}) {
        caller.role = role;
        EXPECT_EQ(allows(caller, "tickets:validate"), allowed) << role;
    }
}

TEST(Permission, AVenueIsHeldByNameOrByAdministrators) {
    Identity caller;
    caller.role = "venue-owner";
    caller.venues = {"v1", "v2"};
    EXPECT_TRUE(holds_venue(caller, "v2"));
    EXPECT_FALSE(holds_venue(caller, "v"));
    EXPECT_FALSE(holds_venue(caller, ""));
    caller.role = "admin";
    EXPECT_TRUE(holds_venue(caller, "v9"));
}

}  // namespace
}  // namespace gw::identity
