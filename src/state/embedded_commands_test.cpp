// The commands against the store, and with redis-cli's eyes: replies are compared as they go over
// the wire.
#include "state/embedded_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.hpp"
#include "net/loop.hpp"
#include "state/embedded_store.hpp"
#include "state/redis_reply.hpp"
#include "state/redis_server_test_support.hpp"

namespace gw::state {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class EmbeddedCommandsTest : public testing::Test {
  protected:
    std::string raw(const std::vector<std::string>& words) {
        return run_embedded_command(store_, words);
    }
    // words: separated by spaces.
    RedisReply run(std::string_view words) {
        std::vector<std::string> arguments;
        std::string word;
        std::istringstream line{std::string(words)};
        while (line >> word) {
            arguments.push_back(word);
        }
        RedisReplyReader reader;
        EXPECT_TRUE(reader.feed(raw(arguments)));
        auto reply = reader.next();
        EXPECT_TRUE(reply && *reply) << words;
        return reply && *reply ? **reply : RedisReply{};
    }
    // As redis-cli prints it, more or less.
    std::string says(std::string_view words) { return shown(run(words)); }

    static std::string shown(const RedisReply& reply) {
        switch (reply.kind) {
            case RedisReply::Kind::nil:
                return "(nil)";
            case RedisReply::Kind::integer:
                return std::to_string(reply.integer);
            case RedisReply::Kind::list: {
                std::string all;
                for (const RedisReply& item : reply.items) {
                    all += (all.empty() ? "" : " ") + shown(item);
                }
                return "[" + all + "]";
            }
            default:
                return reply.text;
        }
    }
    // All keys that a scan finds, page by page. between: after each page.
    std::multiset<std::string> scan(const std::string& options,
                                    const std::function<void()>& between = {}) {
        std::multiset<std::string> found;
        std::string cursor = "0";
        std::size_t pages = 0;
        do {
            const RedisReply page = run("SCAN " + cursor + " " + options);
            cursor = page.items.at(0).text;
            for (const RedisReply& key : page.items.at(1).items) {
                found.insert(key.text);
            }
            if (between) {
                between();
            }
            EXPECT_LT(++pages, 10'000U) << "the scan comes to no end";
        } while (cursor != "0" && pages < 10'000);
        return found;
    }
    net::Loop loop_;
    EmbeddedStore store_{loop_, 1UL << 20};
};

TEST_F(EmbeddedCommandsTest, SetAndGet) {
    EXPECT_EQ(says("GET a"), "(nil)");
    EXPECT_EQ(says("SET a 1"), "OK");
    EXPECT_EQ(says("get a"), "1");
    EXPECT_EQ(says("TTL a"), "-1");
    EXPECT_EQ(says("TTL b"), "-2");
    EXPECT_EQ(says("MGET a b a"), "[1 (nil) 1]");
    EXPECT_EQ(says("STRLEN a"), "1");
    EXPECT_EQ(says("TYPE a"), "string");
    EXPECT_EQ(says("TYPE b"), "none");
    EXPECT_EQ(says("GETDEL a"), "1");
    EXPECT_EQ(says("EXISTS a"), "0");
    EXPECT_EQ(raw({"SET", "with space", std::string("\0\r\n", 3)}), "+OK\r\n");
    EXPECT_EQ(raw({"GET", "with space"}), std::string("$3\r\n\0\r\n\r\n", 9));
}

TEST_F(EmbeddedCommandsTest, SetOnConditions) {
    EXPECT_EQ(says("SET a 1 XX"), "(nil)");
    EXPECT_EQ(says("SET a 1 NX"), "OK");
    EXPECT_EQ(says("SET a 2 NX"), "(nil)");
    EXPECT_EQ(says("SET a 2 xx"), "OK");
    EXPECT_EQ(says("SET a 3 GET"), "2");
    EXPECT_EQ(says("SET a 4 NX GET"), "3");
    EXPECT_EQ(says("SET b 1 GET"), "(nil)");
    EXPECT_EQ(says("GET a"), "3");
    EXPECT_EQ(says("SETNX a 9"), "0");
    EXPECT_EQ(says("SETNX c 9"), "1");
    EXPECT_EQ(says("SET a 1 NX XX"), "ERR syntax error");
}

TEST_F(EmbeddedCommandsTest, SetWithAnEnd) {
    EXPECT_EQ(says("SET a 1 EX 60"), "OK");
    EXPECT_EQ(says("PTTL a"), "60000");
    EXPECT_EQ(says("SET a 2 KEEPTTL"), "OK");
    EXPECT_EQ(says("TTL a"), "60");
    EXPECT_EQ(says("SET a 2"), "OK");
    EXPECT_EQ(says("TTL a"), "-1");
    EXPECT_EQ(says("SET a 1 PX 60001"), "OK");
    EXPECT_EQ(says("PTTL a"), "60001");
    EXPECT_EQ(says("SET a 1 EXAT 4102444800"), "OK");
    EXPECT_EQ(says("EXPIRETIME a"), "4102444800");
    EXPECT_EQ(says("SET a 1 PXAT 4102444800001"), "OK");
    EXPECT_EQ(says("PEXPIRETIME a"), "4102444800001");
    EXPECT_EQ(says("SETEX a 10 v"), "OK");
    EXPECT_EQ(says("TTL a"), "10");
    EXPECT_EQ(says("PSETEX a 10000 v"), "OK");
    EXPECT_EQ(says("TTL a"), "10");
    // An end that is over: as if it had been there for a moment.
    EXPECT_EQ(says("SET a 1 EXAT 1"), "OK");
    EXPECT_EQ(says("GET a"), "(nil)");
}

TEST_F(EmbeddedCommandsTest, SetRefusesWhatMakesNoSense) {
    for (const char* words : {"SET a 1 EX", "SET a 1 nonsense", "SET a 1 EX 1 PX 1",
                              "SET a 1 KEEPTTL EX 1", "SET a 1 EX 1 KEEPTTL"}) {
        EXPECT_EQ(says(words), "ERR syntax error") << words;
    }
    for (const char* words : {"SET a 1 EX 0", "SET a 1 PX -1", "SET a 1 EX 9223372036854775807",
                              "SET a 1 PX 9223372036854775807", "SET a 1 EXAT 9223372036855"}) {
        EXPECT_EQ(says(words), "ERR invalid expire time in 'set' command") << words;
    }
    EXPECT_EQ(says("SETEX a 0 v"), "ERR invalid expire time in 'setex' command");
    for (const char* words : {"SET a 1 EX 1h", "SET a 1 EX 99999999999999999999"}) {
        EXPECT_EQ(says(words), "ERR value is not an integer or out of range") << words;
    }
    EXPECT_EQ(says("DBSIZE"), "0");
}

TEST_F(EmbeddedCommandsTest, EndsAreMovedAndTakenAway) {
    EXPECT_EQ(says("EXPIRE a 60"), "0");
    says("SET a 1");
    EXPECT_EQ(says("EXPIRE a 60"), "1");
    EXPECT_EQ(says("TTL a"), "60");
    EXPECT_EQ(says("EXPIRE a 30 GT"), "0");
    EXPECT_EQ(says("EXPIRE a 30 NX"), "0");
    EXPECT_EQ(says("EXPIRE a 30 LT"), "1");
    EXPECT_EQ(says("EXPIRE a 30 XX GT"), "0");
    EXPECT_EQ(says("EXPIRE a x SIDEWAYS"), "ERR Unsupported option SIDEWAYS");
    for (const char* wrong : {"XX", "GT", "LT", "XX GT LT"}) {
        EXPECT_EQ(says("EXPIRE a 30 NX " + std::string(wrong)),
                  "ERR NX and XX, GT or LT options at the same time are not compatible");
    }
    EXPECT_EQ(says("PEXPIREAT none 30 LT GT"),
              "ERR GT and LT options at the same time are not compatible");
    EXPECT_EQ(says("PEXPIRE a 90000 XX"), "1");
    EXPECT_EQ(says("TTL a"), "90");
    EXPECT_EQ(says("PERSIST a"), "1");
    EXPECT_EQ(says("PERSIST a"), "0");
    EXPECT_EQ(says("TTL a"), "-1");
    EXPECT_EQ(says("EXPIREAT a 4102444800"), "1");
    EXPECT_EQ(says("EXPIRETIME a"), "4102444800");
    EXPECT_EQ(says("PEXPIREAT a 4102444800000"), "1");
    EXPECT_EQ(says("EXPIRE a x"), "ERR value is not an integer or out of range");
    EXPECT_EQ(says("EXPIRE a 9223372036854775807"), "ERR invalid expire time in 'expire' command");
    EXPECT_EQ(says("EXPIRE a -1"), "1");
    EXPECT_EQ(says("EXISTS a"), "0");
}

TEST_F(EmbeddedCommandsTest, KeysAreCountedAndDeleted) {
    says("SET a 1");
    says("SET b 1");
    EXPECT_EQ(says("EXISTS a b a c"), "3");
    EXPECT_EQ(says("DEL a c"), "1");
    EXPECT_EQ(says("UNLINK b b"), "1");
    says("SET a 1 EX 1");
    EXPECT_EQ(says("DBSIZE"), "1");
    EXPECT_EQ(says("FLUSHALL SOMEHOW"), "ERR syntax error");
    EXPECT_EQ(says("FLUSHALL ASYNC"), "OK");
    EXPECT_EQ(says("DBSIZE"), "0");
    EXPECT_EQ(store_.bytes(), 0U);
    says("SET a 1");
    EXPECT_EQ(says("FLUSHDB"), "OK");
    EXPECT_EQ(says("DBSIZE"), "0");
}

TEST_F(EmbeddedCommandsTest, KeysAreFoundByPattern) {
    for (const char* key : {"banned:ip:1", "banned:ip:2", "banned:user:1", "revoked:all"}) {
        says("SET " + std::string(key) + " 1");
    }
    EXPECT_EQ(says("KEYS banned:*"), "[banned:ip:1 banned:ip:2 banned:user:1]");
    EXPECT_EQ(says("KEYS nothing*"), "[]");
    EXPECT_THAT(scan("MATCH banned:ip:* COUNT 1"), ElementsAre("banned:ip:1", "banned:ip:2"));
    EXPECT_THAT(scan("TYPE hash"), ElementsAre());
    EXPECT_EQ(scan("TYPE string").size(), 4U);
    EXPECT_EQ(says("SCAN x"), "ERR invalid cursor");
    EXPECT_EQ(says("SCAN 0 COUNT 0"), "ERR syntax error");
    EXPECT_EQ(says("SCAN 0 COUNT x"), "ERR value is not an integer or out of range");
    EXPECT_EQ(says("SCAN 0 MATCH"), "ERR syntax error");
    EXPECT_EQ(says("SCAN 0 SIDEWAYS 1"), "ERR syntax error");
    EXPECT_EQ(says("SCAN 18446744073709551615"), "[0 []]");
}

TEST_F(EmbeddedCommandsTest, AScanFindsEachKeyOnce) {
    for (int i = 0; i < 500; ++i) {
        says("SET k" + std::to_string(i) + " 1");
    }
    for (const char* options : {"", "COUNT 1", "COUNT 7", "COUNT 499", "COUNT 100000"}) {
        const auto found = scan(options);
        EXPECT_EQ(found.size(), 500U) << options;
        EXPECT_EQ(std::set(found.begin(), found.end()).size(), 500U) << options;
    }
    EXPECT_EQ(run("SCAN 0 COUNT 20").items.at(1).items.size(), 20U);
}

TEST_F(EmbeddedCommandsTest, AScanEndsAndMissesNothingWhileKeysComeAndGo) {
    for (int i = 0; i < 300; ++i) {
        says("SET stays" + std::to_string(i) + " 1");
        says("SET goes" + std::to_string(i) + " 1");
    }
    int round = 0;
    const auto found = scan("COUNT 5", [&] {
        says("DEL goes" + std::to_string(round));
        for (int i = 0; i < 4; ++i) {
            says("SET new" + std::to_string(4 * round + i) + " 1");
        }
        ++round;
    });
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(found.count("stays" + std::to_string(i)), 1U) << i;
    }
}

TEST_F(EmbeddedCommandsTest, AFullStoreRefusesAndForgetsNothing) {
    ASSERT_EQ(raw({"SET", "a", "kept"}), "+OK\r\n");
    const std::string large(1UL << 20, 'x');
    EXPECT_THAT(raw({"SET", "b", large}), StartsWith("-OOM "));
    EXPECT_THAT(raw({"SET", "a", large}), StartsWith("-OOM "));
    EXPECT_EQ(says("GET a"), "kept");
    EXPECT_EQ(says("EXPIRE a 60"), "1");
    EXPECT_EQ(says("DBSIZE"), "1");
}

TEST_F(EmbeddedCommandsTest, ToolsAreToldAboutTheServer) {
    EXPECT_EQ(says("PING"), "PONG");
    EXPECT_EQ(says("PING hello"), "hello");
    EXPECT_EQ(says("ECHO hello"), "hello");
    EXPECT_EQ(says("SELECT 0"), "OK");
    EXPECT_EQ(says("SELECT 1"), "ERR DB index is out of range");
    EXPECT_EQ(says("SELECT x"), "ERR invalid DB index");
    const RedisReply time = run("TIME");
    ASSERT_EQ(time.items.size(), 2U);
    EXPECT_EQ(time.items[0].text, std::to_string(epoch_ms(loop_.clock().wall) / 1'000));
    EXPECT_EQ(says("AUTH x").substr(0, 17), "ERR AUTH <passwor");
    EXPECT_EQ(says("AUTH default x"), "OK");
    EXPECT_EQ(says("AUTH other x").substr(0, 9), "WRONGPASS");
    EXPECT_EQ(says("CLIENT KILL x"), "ERR unknown subcommand 'KILL' of 'client'");
}

TEST_F(EmbeddedCommandsTest, InfoHasSections) {
    says("SET a 1 EX 60");
    EXPECT_THAT(says("INFO"),
                AllOf(StartsWith("# Server\r\nredis_version:7"), HasSubstr("role:master"),
                      HasSubstr("db0:keys=1,expires=1,avg_ttl=0\r\n")));
    EXPECT_EQ(says("INFO keyspace"), "# Keyspace\r\ndb0:keys=1,expires=1,avg_ttl=0\r\n");
    EXPECT_THAT(says("INFO memory replication"),
                AllOf(HasSubstr("used_memory:"), HasSubstr("role:master"), Not(HasSubstr("db0"))));
    EXPECT_EQ(says("INFO everything"), says("INFO"));
    EXPECT_EQ(says("INFO nonsense"), "");
}

TEST_F(EmbeddedCommandsTest, ConfigIsShownAndNotSet) {
    EXPECT_EQ(says("CONFIG GET maxmemory"), "[maxmemory 1048576]");
    EXPECT_EQ(says("CONFIG GET maxmemory-* save"), "[maxmemory-policy noeviction save ]");
    EXPECT_EQ(says("config get nonsense"), "[]");
    EXPECT_THAT(says("CONFIG SET maxmemory 1"), StartsWith("ERR this is the gateway's own store"));
    EXPECT_EQ(says("CONFIG RESETSTAT"), "OK");
    EXPECT_THAT(says("CONFIG GET"), StartsWith("ERR "));
}

TEST_F(EmbeddedCommandsTest, CommandsDescribeThemselves) {
    const std::int64_t count = run("COMMAND COUNT").integer;
    EXPECT_EQ(run("COMMAND").items.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(run("COMMAND LIST").items.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(says("COMMAND DOCS"), "[]");
    EXPECT_EQ(says("COMMAND INFO get del nonsense"), "[[get 2 [] 1 1 1] [del -2 [] 1 -1 1] (nil)]");
    EXPECT_THAT(says("COMMAND GETKEYS get a"), StartsWith("ERR "));
}

TEST_F(EmbeddedCommandsTest, WhatIsNotKnownIsRefused) {
    EXPECT_EQ(says("NONSENSE a"), "ERR unknown command 'NONSENSE'");
    EXPECT_EQ(says("GET"), "ERR wrong number of arguments for 'get' command");
    EXPECT_EQ(says("get a b"), "ERR wrong number of arguments for 'get' command");
    EXPECT_EQ(raw({}), "");
    EXPECT_THAT(raw({"a\r\n+OK"}), StartsWith("-ERR unknown command 'a  +OK'"));
}

net::Task<void> sees_what_happens(TestLoop& turning, EmbeddedStore& store, TestFollower& follower) {
    EXPECT_EQ(follower.value("banned:user:before"), "1");
    EXPECT_TRUE(store.put("banned:user:short", {"1", turning.loop.clock().wall + Millis{30}}));
    EXPECT_TRUE(store.put("cache:x", {"1", std::nullopt}));
    EXPECT_EQ(follower.value("banned:user:short"), "1");
    EXPECT_EQ(follower.value("cache:x"), "(none)");
    EXPECT_TRUE(co_await turning.until(
        [&follower] { return follower.value("banned:user:short") == "(none)"; }));
    EXPECT_EQ(store.size(), 2U);
    store.clear();
    EXPECT_TRUE(follower.entries.empty());
    co_await store.stop();
}

net::Task<void> replaces(EmbeddedStore& store) {
    EXPECT_TRUE(store.put("k", {"mine", std::nullopt}));
    EXPECT_FALSE(*co_await store.replace("k", "another's", "answer", Millis{1'000}));
    EXPECT_FALSE(*co_await store.replace("k", "another's", std::nullopt, {}));
    EXPECT_FALSE(*co_await store.replace("absent", "mine", "answer", Millis{1'000}));
    EXPECT_EQ(store.find("k")->text, "mine");
    EXPECT_TRUE(*co_await store.replace("k", "mine", "answer", Millis{1'000}));
    EXPECT_EQ(store.find("k")->text, "answer");
    const auto end = store.find("k")->expires;
    EXPECT_TRUE(end);
    EXPECT_TRUE(*co_await store.replace("k", "answer", "another", std::nullopt));
    EXPECT_EQ(store.find("k")->text, "another");
    EXPECT_EQ(store.find("k")->expires, end);
    EXPECT_TRUE(*co_await store.replace("k", "another", std::nullopt, {}));
    EXPECT_EQ(store.find("k"), nullptr);
    co_await store.stop();
}

TEST(EmbeddedStore, ReplacesWhatIsExpectedAndNothingElse) {
    TestLoop turning;
    EmbeddedStore store(turning.loop);
    turning.run(replaces(store));
}

TEST(EmbeddedStore, FollowersAreToldOfWhatIsAndOfWhatHappens) {
    TestLoop turning;
    EmbeddedStore store(turning.loop);
    TestFollower follower;
    ASSERT_TRUE(store.put("banned:user:before", {"1", std::nullopt}));
    store.follow({"banned:"}, follower);
    EXPECT_TRUE(follower.up());
    turning.run(sees_what_happens(turning, store, follower));
}

}  // namespace
}  // namespace gw::state
