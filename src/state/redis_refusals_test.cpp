#include "state/redis_refusals.hpp"

#include <gtest/gtest.h>

#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

constexpr Instant kStart{};

RedisReply error(std::string text) {
    return {RedisReply::Kind::error, 0, std::move(text), {}};
}

const RedisReply kNoKey = error("NOPERM this user has no permissions to access one of the keys");

TEST(RedisRefusals, NameCommandsAndPrefixesAndNeverKeys) {
    RedisRefusals refusals;
    refusals.note({"SET", "idempotency:secret", "v", "NX"}, kNoKey, kStart);
    refusals.note({"SET", "idempotency:other", "v", "NX"}, kNoKey, kStart);
    refusals.note({"EVALSHA", "abc", "1", "ratelimit:general:u=42", "5"},
                  error("NOPERM this user has no permissions to run the 'evalsha' command\r\n"),
                  kStart);
    refusals.note({"SET", "webhook:x", "v"}, error("OOM command not allowed"), kStart);
    refusals.note({"SET", "webhook:x", "v"}, {RedisReply::Kind::status, 0, "OK", {}}, kStart);
    EXPECT_EQ(refusals.text(),
              "Redis does not permit SET idempotency:*: this user has no permissions to access one "
              "of the keys; EVALSHA ratelimit:*: this user has no permissions to run the 'evalsha' "
              "command");
    EXPECT_TRUE(refusals.barred().empty());
}

TEST(RedisRefusals, AreOverWhenTheyArePermitted) {
    RedisRefusals refusals;
    refusals.note({"XADD", "audit:events", "*", "a", std::string(5'000, 'x')}, kNoKey, kStart);
    const auto tried = refusals.to_try();
    ASSERT_EQ(tried.size(), 1U);
    EXPECT_LT(tried[0].back().size(), 5'000U);
    refusals.still_refused(tried[0], kStart + RedisRefusals::kStays);
    EXPECT_FALSE(refusals.forget_old(kStart + RedisRefusals::kStays));
    refusals.permitted(tried[0]);
    EXPECT_TRUE(refusals.empty());
    EXPECT_EQ(refusals.text(), "");
}

TEST(RedisRefusals, WithinScriptsAreForgottenOnceTheyAreMetNoMore) {
    for (const std::string text :
         {"ERR The user executing the script can't run this command or subcommand script: 1, on x",
          "ERR Error running script (call to f_1): @user_script:1: The user executing the script "
          "can't access at least one of the keys mentioned in the command arguments",
          "NOPERM ACL failure in script: User gw has no permissions to run the 'time' command"}) {
        RedisRefusals refusals;
        refusals.note({"EVALSHA", "abc", "1", "gateways:alive"}, error(text), kStart);
        EXPECT_TRUE(refusals.text().contains("EVALSHA gateways:*: ")) << text;
        EXPECT_TRUE(refusals.to_try().empty()) << "whether it may be queued says nothing";
        EXPECT_FALSE(refusals.forget_old(kStart + RedisRefusals::kStays - Millis{1}));
        EXPECT_TRUE(refusals.forget_old(kStart + RedisRefusals::kStays));
        EXPECT_TRUE(refusals.empty());
    }
}

TEST(RedisRefusals, ThatBarNameTheChannelUntilTheNextAttempt) {
    RedisRefusals refusals;
    refusals.bar({"SUBSCRIBE", "__redis__:invalidate"}, error("NOPERM no channel"));
    EXPECT_EQ(refusals.barred(),
              "Redis does not permit SUBSCRIBE __redis__:invalidate: no channel");
    EXPECT_TRUE(refusals.barred().starts_with(kNotPermitted));
    EXPECT_TRUE(refusals.empty());
    refusals.lift_bar();
    EXPECT_TRUE(refusals.barred().empty());
}

TEST(RedisRefusals, AreFewHoweverManyThereAre) {
    RedisRefusals refusals;
    for (int i = 0; i < 100; ++i) {
        refusals.note({"SET", "k" + std::to_string(i) + ":x", "v"}, kNoKey, kStart);
    }
    EXPECT_EQ(refusals.to_try().size(), RedisRefusals::kMost);
}

}  // namespace
}  // namespace gw::state
