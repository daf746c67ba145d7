// What servers lose and are given back, against real ones. Skipped where redis-server is not
// installed.
#include "state/redis_lives.hpp"

#include <gtest/gtest.h>

#include <array>

#include "state/redis_store_test_support.hpp"

namespace gw::state {
namespace {

net::Task<void> outlives_restarts(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:kept 1");
    redis.cli("SET banned:user:timed 2 EX 100");
    EXPECT_TRUE(co_await b.sees("banned:user:kept", "1"));
    EXPECT_TRUE(co_await b.sees("banned:user:timed", "2"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    EXPECT_FALSE(b.store.available());
    EXPECT_EQ(b.follower.value("banned:user:kept"), "1");
    const auto refused = co_await b.store.set("k", "v", {});
    EXPECT_FALSE(refused.has_value());
    redis.start();  // empty: nothing was saved
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(redis.cli("GET banned:user:kept"), "1");
    EXPECT_EQ(redis.cli("TTL banned:user:kept"), "-1");
    const int ttl = std::stoi(redis.cli("TTL banned:user:timed"));
    EXPECT_GT(ttl, 50);
    EXPECT_LE(ttl, 100);
    EXPECT_EQ(b.follower.value("banned:user:timed"), "2");
    EXPECT_EQ(b.follower.changes.size(), 3U);
    // Emptied while it lives, by somebody who means it.
    redis.cli("FLUSHALL");
    EXPECT_TRUE(co_await b.sees("banned:user:kept", "(none)"));
}

TEST(RedisLives, WritesBackWhatARestartHasLost) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(outlives_restarts, redis);
}

net::Task<void> honours_data(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:kept 1");
    redis.cli("SET banned:user:pardoned 1");
    EXPECT_TRUE(co_await b.sees("banned:user:pardoned", "1"));
    redis.cli("DEL banned:user:kept banned:user:pardoned");
    EXPECT_TRUE(co_await b.sees("banned:user:pardoned", "(none)"));
    EXPECT_TRUE(co_await b.sees("banned:user:kept", "(none)"));
    redis.cli("SET banned:user:other 1");
    EXPECT_TRUE(co_await b.sees("banned:user:other", "1"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    redis.start();
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(b.follower.value("banned:user:other"), "1");
    EXPECT_EQ(redis.cli("EXISTS banned:user:kept"), "0");
}

TEST(RedisLives, BelievesARestartedServerThatHasItsData) {
    NEEDS_REDIS();
    RedisProcess redis({"appendonly yes", "appendfsync always"});
    Bench(place_at(redis.port())).run(honours_data, redis);
}

// A server that only others can reach for now.
constexpr const char* kClosed = "requirepass others";
constexpr const char* kAsOthers = "-a others --no-auth-warning ";
void open_to_all(const RedisProcess& redis) {
    redis.cli(std::string(kAsOthers) + "CONFIG SET requirepass ''");
}

net::Task<void> is_not_the_first(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:kept 1");
    EXPECT_TRUE(co_await b.sees("banned:user:kept", "1"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    redis.start(kClosed);
    TestFollower knows_nothing;
    RedisPlace place = place_at(redis.port());
    place.password = "others";
    RedisStore first(b.turning.loop, std::move(place), "127.0.0.1", 8);
    first.follow(kPrefixes, knows_nothing);
    EXPECT_TRUE(co_await b.turning.until([&] { return knows_nothing.up(); }));
    open_to_all(redis);
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(redis.cli("GET banned:user:kept"), "1");
    EXPECT_EQ(b.follower.value("banned:user:kept"), "1");
    EXPECT_TRUE(co_await b.turning.until(
        [&] { return knows_nothing.entries.contains("banned:user:kept"); }));
    co_await first.stop();
}

TEST(RedisLives, WritesBackAlsoWhereOneThatKnewNothingWasThereFirst) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(is_not_the_first, redis);
}

net::Task<void> finds_an_old_file(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:old 1");
    EXPECT_TRUE(co_await b.sees("banned:user:old", "1"));
    redis.cli("SAVE");
    redis.cli("SET banned:user:new 1 EX 1000");
    redis.cli("SET banned:user:lifted 1");
    EXPECT_TRUE(co_await b.sees("banned:user:new", "1"));
    EXPECT_TRUE(co_await b.sees("banned:user:lifted", "1"));
    redis.cli("DEL banned:user:lifted");
    EXPECT_TRUE(co_await b.sees("banned:user:lifted", "(none)"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    redis.start();
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(redis.cli("GET banned:user:old"), "1");
    EXPECT_EQ(redis.cli("GET banned:user:new"), "1");
    EXPECT_LE(std::stoi(redis.cli("TTL banned:user:new")), 1000);
    EXPECT_EQ(b.follower.value("banned:user:new"), "1");
    EXPECT_EQ(redis.cli("EXISTS banned:user:lifted"), "0");
}

TEST(RedisLives, WritesBackWhatAnOldFileDoesNotHave) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(finds_an_old_file, redis);
}

net::Task<void> was_cut_off(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:kept 1");
    redis.cli("SET banned:user:pardoned 1");
    EXPECT_TRUE(co_await b.sees("banned:user:kept", "1"));
    EXPECT_TRUE(co_await b.sees("banned:user:pardoned", "1"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    redis.start(kClosed);
    EXPECT_TRUE(co_await b.turning.until(
        [&redis] { return redis.cli(std::string(kAsOthers) + "PING") == "PONG"; }));
    EXPECT_EQ(redis.cli(std::string(kAsOthers) + "DEL banned:user:pardoned"), "1");
    redis.kill();
    redis.start();
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(b.follower.value("banned:user:kept"), "1");
    EXPECT_EQ(b.follower.value("banned:user:pardoned"), "(none)");
    EXPECT_EQ(redis.cli("EXISTS banned:user:pardoned"), "0");
}

TEST(RedisLives, BelievesWhatWasLiftedWhileItWasCutOff) {
    NEEDS_REDIS();
    RedisProcess redis({"appendonly yes", "appendfsync always"});
    Bench(place_at(redis.port())).run(was_cut_off, redis);
}

net::Task<void> cannot_give_back(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:kept 1");
    EXPECT_TRUE(co_await b.sees("banned:user:kept", "1"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    redis.start("maxmemory 1");
    EXPECT_TRUE(co_await b.turning.until(
        [&redis] { return redis.cli("INFO commandstats").contains("cmdstat_hincrby"); }));
    EXPECT_TRUE(b.follower.down());
    EXPECT_EQ(b.follower.value("banned:user:kept"), "1");
    redis.cli("CONFIG SET maxmemory 0");
    EXPECT_TRUE(co_await b.up());
    EXPECT_TRUE(co_await b.turning.until(
        [&redis] { return redis.cli("GET banned:user:kept") == "1"; }, Millis{5'000}));
    EXPECT_EQ(b.follower.value("banned:user:kept"), "1");
}

TEST(RedisLives, KeepsWhatItCannotWriteBackYet) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(cannot_give_back, redis);
}

const std::array kSpread{"banned:user:a", "banned:user:b", "banned:user:c", "banned:user:d"};

net::Task<void> loses_a_master(Bench& b, RedisProcess& second) {
    EXPECT_TRUE(co_await b.up());
    for (const char* key : kSpread) {
        const auto set = co_await b.store.set(key, "1", {});
        EXPECT_TRUE(set && *set);
        EXPECT_TRUE(co_await b.sees(key, "1"));
    }
    const std::string held = second.cli("EVAL \"return #redis.call('KEYS', 'banned:*')\" 0");
    EXPECT_TRUE(held == "1" || held == "2" || held == "3") << "the keys are spread: " << held;
    second.kill();
    EXPECT_TRUE(co_await b.down());
    second.start();
    EXPECT_TRUE(co_await b.up());
    for (const char* key : kSpread) {
        EXPECT_EQ(b.follower.value(key), "1");
        const auto got = co_await b.store.get(key);
        EXPECT_TRUE(got && got->has_value()) << key;
    }
    EXPECT_EQ(second.cli("EVAL \"return #redis.call('KEYS', 'banned:*')\" 0"), held);
}

TEST(RedisLives, WritesBackWhatOneMasterOfAClusterHasLost) {
    NEEDS_REDIS();
    RedisPair pair;
    Bench(pair.place()).run(loses_a_master, pair.second);
}

}  // namespace
}  // namespace gw::state
