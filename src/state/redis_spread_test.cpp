#include "state/redis_spread.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

using Kind = RedisReply::Kind;

RedisReply keys(const std::vector<std::string>& names) {
    RedisReply reply{Kind::list, 0, "", {}};
    for (const std::string& name : names) {
        reply.items.push_back({Kind::text, 0, name, {}});
    }
    return reply;
}

RedisReply page(const std::string& cursor) {
    return {Kind::list, 0, "", {{Kind::text, 0, cursor, {}}, keys({"k" + cursor})}};
}

TEST(RedisSpread, CommandsAboutAllKeysGoToAllMasters) {
    for (const char* name : {"KEYS", "dbsize", "FlushAll", "FLUSHDB"}) {
        EXPECT_TRUE(goes_to_all({name}));
    }
    EXPECT_FALSE(goes_to_all({"GET", "keys"}));
    EXPECT_FALSE(goes_to_all({}));
}

TEST(RedisSpread, RepliesBecomeOne) {
    EXPECT_EQ(joined({keys({"a", "b"}), keys({}), keys({"c"})}), keys({"a", "b", "c"}));
    EXPECT_EQ(joined({{Kind::integer, 3, "", {}}, {Kind::integer, 4, "", {}}}).integer, 7);
    EXPECT_EQ(joined({{Kind::status, 0, "OK", {}}, {Kind::status, 0, "OK", {}}}).text, "OK");
    EXPECT_TRUE(joined({keys({"a"}), {Kind::error, 0, "LOADING", {}}}).is(Kind::error));
}

TEST(RedisSpread, AScanGoesThroughAllMasters) {
    constexpr std::size_t kNodes = 3;
    // Each master has one more page, with a cursor as large as Redis' are, but the second.
    const std::vector<std::vector<std::string>> pages{
        {"1152921504606846976", "0"}, {"0"}, {"7", "0"}};
    std::vector<std::pair<std::size_t, std::string>> asked;
    std::vector<std::size_t> turn(kNodes);
    std::string cursor = "0";
    do {
        const auto step = scan_step({"scan", cursor, "COUNT", "5"}, kNodes);
        ASSERT_TRUE(step);
        EXPECT_EQ(step->command.back(), "5");
        asked.emplace_back(step->node, step->command[1]);
        cursor =
            after_step(page(pages[step->node].at(turn[step->node]++)), *step, kNodes).items[0].text;
    } while (cursor != "0");
    EXPECT_EQ(asked, (std::vector<std::pair<std::size_t, std::string>>{
                         {0, "0"}, {0, "1152921504606846976"}, {1, "0"}, {2, "0"}, {2, "7"}}));
}

TEST(RedisSpread, WhatIsNoScanOrNoPageIsLeftAlone) {
    EXPECT_FALSE(scan_step({"SCAN", "x"}, 2));
    EXPECT_FALSE(scan_step({"SCAN"}, 2));
    EXPECT_FALSE(scan_step({"GET", "0"}, 2));
    const RedisReply wrong{Kind::error, 0, "ERR syntax error", {}};
    EXPECT_EQ(after_step(wrong, {1, {}}, 2), wrong);
    EXPECT_TRUE(after_step(page("18446744073709551615"), {1, {}}, 2).is(Kind::error));
}

}  // namespace
}  // namespace gw::state
