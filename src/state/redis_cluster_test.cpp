#include "state/redis_cluster.hpp"

#include <gtest/gtest.h>

#include "state/redis_mirror.hpp"
#include "state/redis_relay.hpp"

namespace gw::state {
namespace {

using Kind = RedisReply::Kind;

RedisReply text(std::string value) {
    return {Kind::text, 0, std::move(value), {}};
}
RedisReply number(std::int64_t value) {
    return {Kind::integer, value, {}, {}};
}
RedisReply list(std::vector<RedisReply> items) {
    return {Kind::list, 0, {}, std::move(items)};
}

TEST(RedisCluster, SlotsAreThoseOfTheSpecification) {
    EXPECT_EQ(slot_of("123456789"), 0x31C3 % kSlots);
    EXPECT_EQ(slot_of("foo"), 12182);
    EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
    EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
    EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
    EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));
}

TEST(RedisCluster, ReadsTheMapOfSlots) {
    const RedisReply reply = list({
        list({number(0), number(99), list({text("10.0.0.1"), number(7000), text("id")})}),
        list({number(100), number(16383), list({text(""), number(7001), text("id")})}),
    });
    const auto map = read_slots(reply, {"10.0.0.9", 7005});
    ASSERT_TRUE(map);
    EXPECT_EQ(map->masters, (std::vector<RedisHost>{{"10.0.0.1", 7000}, {"10.0.0.9", 7001}}));
    EXPECT_EQ(map->node_of("foo"), 1U);
}

TEST(RedisCluster, RefusesAMapThatIsNone) {
    const RedisHost asked{"h", 1};
    const RedisReply node = list({text("h"), number(7000)});
    EXPECT_FALSE(read_slots(text("x"), asked));
    EXPECT_FALSE(read_slots(list({}), asked));
    EXPECT_FALSE(read_slots(list({list({number(-1), number(1), node})}), asked));
    EXPECT_FALSE(read_slots(list({list({number(0), number(16384), node})}), asked));
    EXPECT_FALSE(read_slots(list({list({number(2), number(1), node})}), asked));
    EXPECT_FALSE(read_slots(list({list({number(0), number(1), list({text("h")})})}), asked));
}

TEST(RedisCluster, KnowsWhichKeyACommandNames) {
    EXPECT_EQ(first_key({"GET", "k"}), "k");
    EXPECT_EQ(first_key({"eval", "return 1", "1", "k"}), "k");
    EXPECT_EQ(first_key({"EVAL", "return 1", "0"}), std::nullopt);
    EXPECT_EQ(first_key({"OBJECT", "ENCODING", "k"}), "k");
    EXPECT_EQ(first_key({"PING"}), std::nullopt);
    EXPECT_EQ(first_key({"info", "server"}), std::nullopt);
}

TEST(RedisMirror, OnePatternMatchesAllPrefixes) {
    EXPECT_EQ(scan_pattern({"banned:"}), R"([\b][\a][\n][\n][\e][\d][\:]*)");
    EXPECT_EQ(scan_pattern({"ab", "cd", "a]x"}), R"([\a\c][\]\b\d]*)");
    EXPECT_EQ(scan_pattern({"", "x"}), "*");
}

TEST(RedisRelay, AnswersHereWhatConcernsTheConnection) {
    RedisPlace place;
    place.db = 2;
    for (const RedisCommand& barred :
         std::vector<RedisCommand>{{"SUBSCRIBE", "c"},
                                   {"monitor"},
                                   {"MULTI"},
                                   {"BLPOP", "q", "0"},
                                   {"SELECT", "1"},
                                   {"CLIENT", "reply", "OFF"},
                                   {"XREAD", "BLOCK", "0"},
                                   {"HELLO", "3"},
                                   {"AUTH", "x"},
                                   {"RESET"},
                                   {"shutdown", "NOSAVE"},
                                   {"DEBUG", "SLEEP", "30"},
                                   {"REPLICAOF", "h", "6379"},
                                   {"SLAVEOF", "NO", "ONE"},
                                   {"FAILOVER"},
                                   {"MODULE", "LOAD", "/m.so"},
                                   {"ACL", "SETUSER", "x"},
                                   {"SWAPDB", "0", "1"},
                                   {"SAVE"},
                                   {"CONFIG"},
                                   {"CONFIG", "SET", "dir", "/"},
                                   {"config", "get", "*"},
                                   {"CONFIG", "GET", "REQUIRE[p]ass"},
                                   {"CONFIG", "GET", "a", "master*"},
                                   {"CLUSTER", "RESET", "HARD"},
                                   {"CLIENT", "KILL", "TYPE", "pubsub"},
                                   {}}) {
        const auto answer = answer_here(barred, place);
        ASSERT_TRUE(answer);
        EXPECT_TRUE(answer->is(Kind::error));
    }
    EXPECT_EQ(answer_here({"SELECT", "2"}, place)->text, "OK");
    EXPECT_FALSE(answer_here({"GET", "k"}, place));
    EXPECT_FALSE(answer_here({"CLIENT", "LIST"}, place));
    EXPECT_FALSE(answer_here({"CONFIG", "GET", "*memory*"}, place));
    EXPECT_FALSE(answer_here({"CLUSTER", "INFO"}, place));
    EXPECT_FALSE(answer_here({"FLUSHALL"}, place));
    EXPECT_FALSE(answer_here({"EVAL", "return 1", "0"}, place));
    EXPECT_TRUE(answer_here({"command", "docs", "SET"}, place)->is(Kind::list));
    EXPECT_FALSE(answer_here({"COMMAND"}, place));
    place.password = "pw";
    EXPECT_EQ(answer_here({"AUTH", "pw"}, place)->text, "OK");
    EXPECT_TRUE(answer_here({"AUTH", "other"}, place)->is(Kind::error));
}

}  // namespace
}  // namespace gw::state
