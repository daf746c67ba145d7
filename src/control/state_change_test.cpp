#include "control/state_change.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

TEST(StateChange, WhatChangesSomethingIsRecordedWithWhatCameOfIt) {
    const auto banned = state_change({"SET", "banned:ip:192.0.2.7", "login attempts", "EX", "3600"},
                                     "+OK\r\n", "", WallTime{});
    ASSERT_TRUE(banned);
    EXPECT_EQ(banned->kind, "state");
    EXPECT_EQ(banned->user, "redis-cli");
    EXPECT_EQ(banned->resource, "banned:ip:192.0.2.7");
    EXPECT_EQ(banned->decision, "done");
    EXPECT_EQ(banned->detail, "SET banned:ip:192.0.2.7 login attempts EX 3600");
    const auto refused = state_change({"flushall"}, "-NOPERM\r\n", "anna", WallTime{});
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->user, "redis-cli:anna");
    EXPECT_EQ(refused->decision, "refused");
    EXPECT_EQ(refused->resource, "");
}

TEST(StateChange, WhatOnlyReadsIsNot) {
    for (const char* const command :
         {"GET", "get", "KEYS", "scan", "TTL", "pttl", "INFO", "PING", "asking", "zscore"}) {
        EXPECT_FALSE(state_change({command, "banned:ip:192.0.2.7"}, "+\r\n", "", WallTime{}))
            << command;
    }
}

TEST(StateChange, ALongCommandIsCutAndAnUnknownOneRecorded) {
    const auto cut = state_change({"NEW", std::string(10'000, 'x')}, ":1\r\n", "", WallTime{});
    ASSERT_TRUE(cut);
    EXPECT_LT(cut->detail.size(), 600U);
}

}  // namespace
}  // namespace gw::control
