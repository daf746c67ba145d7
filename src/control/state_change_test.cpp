#include "control/state_change.hpp"

#include <gtest/gtest.h>

#include <vector>

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

TEST(StateChange, PasswordsAreNotShown) {
    EXPECT_FALSE(state_change({"AUTH", "hunter2"}, "+OK\r\n", "", WallTime{}));
    EXPECT_FALSE(state_change({"HELLO", "3", "AUTH", "u", "hunter2"}, "+\r\n", "", WallTime{}));
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"CONFIG", "SET", "requirepass", "hunter2"},
          std::vector<std::string>{"ACL", "SETUSER", "u", ">hunter2"},
          std::vector<std::string>{"MIGRATE", "h", "1", "k", "0", "1", "AUTH", "hunter2"}}) {
        const auto told = state_change(command, "-ERR\r\n", "", WallTime{});
        ASSERT_TRUE(told);
        EXPECT_EQ(told->detail.find("hunter2"), std::string::npos) << told->detail;
    }
}

TEST(StateChange, ALongCommandIsCutAndAnUnknownOneRecorded) {
    const auto cut = state_change({"NEW", std::string(10'000, 'x')}, ":1\r\n", "", WallTime{});
    ASSERT_TRUE(cut);
    EXPECT_LT(cut->detail.size(), 600U);
    EXPECT_LE(cut->resource.size(), 500U);
}

}  // namespace
}  // namespace gw::control
