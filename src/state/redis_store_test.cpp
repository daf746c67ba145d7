// The store in Redis against real servers. Skipped where redis-server is not installed.
#include "state/redis_store.hpp"

#include <gtest/gtest.h>

#include "base/leave_out_test_support.hpp"
#include "state/redis_server_test_support.hpp"

namespace gw::state {
namespace {

#define NEEDS_REDIS()              \
    if (!redis_is_installed()) {   \
        leave_out("redis-server"); \
        return;                    \
    }

RedisPlace place_at(std::uint16_t port) {
    RedisPlace place;
    place.hosts.push_back({"127.0.0.1", port});
    return place;
}

const std::vector<std::string> kPrefixes{"banned:", "revoked:", "maintenance:"};

// Everything that a test has: made outside the coroutine, and stopped at its end.
struct Bench {
    explicit Bench(RedisPlace place) : store(turning.loop, std::move(place), "127.0.0.1", 7) {
        store.follow(kPrefixes, follower);
    }
    void run(net::Task<void> (*body)(Bench&, RedisProcess&), RedisProcess& redis) {
        turning.run(whole(body, redis));
    }
    net::Task<void> whole(net::Task<void> (*body)(Bench&, RedisProcess&), RedisProcess& redis) {
        co_await body(*this, redis);
        co_await store.stop();
    }
    net::Task<bool> up() {
        co_return co_await turning.until([this] { return follower.up() && store.available(); });
    }
    net::Task<bool> down() {
        co_return co_await turning.until([this] { return follower.down(); });
    }
    net::Task<bool> sees(std::string key, std::string value, Millis within = Millis{1'000}) {
        const bool seen = co_await turning.until(
            [this, &key, &value] { return follower.value(key) == value; }, within);
        EXPECT_TRUE(seen) << key << " is " << follower.value(key) << " instead of " << value;
        co_return seen;
    }

    TestFollower follower;
    TestLoop turning;
    RedisStore store;
};

net::Task<void> keeps_keys(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    const auto set = co_await b.store.set("k", "v", {});
    EXPECT_TRUE(set && *set);
    const auto absent = co_await b.store.set("k", "w", {.ttl = {}, .when = SetIf::absent});
    EXPECT_TRUE(absent && !*absent);
    const auto present =
        co_await b.store.set("k", "x", {.ttl = Millis{60'000}, .when = SetIf::present});
    EXPECT_TRUE(present && *present);
    const auto got = co_await b.store.get("k");
    EXPECT_TRUE(got && got->has_value());
    if (got && *got) {
        EXPECT_EQ((*got)->value, "x");
        EXPECT_TRUE((*got)->expires.has_value());
        const auto left = *(*got)->expires - b.turning.loop.clock().wall;
        EXPECT_GT(left, Millis{50'000});
        EXPECT_LE(left, Millis{60'100});
    }
    EXPECT_EQ(redis.cli("get k"), "x");
    const auto erased = co_await b.store.erase({"k", "none"});
    EXPECT_TRUE(erased && *erased == 1);
    const auto none = co_await b.store.get("k");
    EXPECT_TRUE(none && !none->has_value());
    EXPECT_LT(b.store.lag(), Millis{2'000});
}

TEST(RedisStore, KeepsKeysWithTheirTimeToLive) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(keeps_keys, redis);
}

net::Task<void> follows_others(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:ip:203.0.113.7 1 EX 3600");
    EXPECT_TRUE(co_await b.sees("banned:ip:203.0.113.7", "1"));
    EXPECT_TRUE(b.follower.entries["banned:ip:203.0.113.7"].expires.has_value());
    redis.cli("PERSIST banned:ip:203.0.113.7");
    EXPECT_TRUE(co_await b.turning.until(
        [&b] { return !b.follower.entries["banned:ip:203.0.113.7"].expires; }, Millis{1'000}));
    redis.cli("PEXPIRE banned:ip:203.0.113.7 150");
    EXPECT_TRUE(co_await b.sees("banned:ip:203.0.113.7", "(none)", Millis{3'000}));
    redis.cli("SADD banned:user:u2 1");
    EXPECT_TRUE(co_await b.turning.until([&b] { return !b.follower.no_texts.empty(); }));
    EXPECT_EQ(b.follower.no_texts, std::vector<std::string>{"banned:user:u2"});
    redis.cli("SET revoked:user:u1 12345");
    EXPECT_TRUE(co_await b.sees("revoked:user:u1", "12345"));
    redis.cli("DEL revoked:user:u1");
    EXPECT_TRUE(co_await b.sees("revoked:user:u1", "(none)"));
    redis.cli("MSET banned:user:a 1 banned:user:b 2 other:c 3");
    EXPECT_TRUE(co_await b.sees("banned:user:b", "2"));
    redis.cli("FLUSHALL");
    EXPECT_TRUE(
        co_await b.turning.until([&b] { return b.follower.entries.empty(); }, Millis{1'000}));
    redis.cli("HSET banned:user:odd field 1");
    redis.cli("SET banned:user:after 1");
    EXPECT_TRUE(co_await b.sees("banned:user:after", "1"));
    EXPECT_EQ(b.follower.value("banned:user:odd"), "(none)");
    EXPECT_EQ(b.follower.changes, std::vector<std::string>{"up"});
}

TEST(RedisStore, TellsWhatOtherClientsChange) {
    NEEDS_REDIS();
    RedisProcess redis;
    redis.cli("SET banned:ip:192.0.2.1 early");
    Bench(place_at(redis.port())).run(follows_others, redis);
}

net::Task<void> lists_many(Bench& b, RedisProcess&) {
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(b.follower.entries.size(), 5'000U);
}

TEST(RedisStore, ListsWhatIsThereAtFirst) {
    NEEDS_REDIS();
    RedisProcess redis;
    for (int tries = 0; tries < 500 && redis.cli("PING") != "PONG"; ++tries) {
    }
    redis.cli(R"(EVAL "for i=1,5000 do redis.call('SET','revoked:jti:'..i,'1','EX',999) end )"
              R"(for i=1,5000 do redis.call('SET','ratelimit:'..i,'1') end" 0)");
    Bench(place_at(redis.port())).run(lists_many, redis);
}

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

TEST(RedisStore, WritesBackWhatARestartHasLost) {
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

TEST(RedisStore, BelievesARestartedServerThatHasItsData) {
    NEEDS_REDIS();
    RedisProcess redis({"appendonly yes", "appendfsync always"});
    Bench(place_at(redis.port())).run(honours_data, redis);
}

net::Task<void> survives_a_stop(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:x 1");
    EXPECT_TRUE(co_await b.sees("banned:user:x", "1"));
    redis.signal(SIGSTOP);
    const Instant stopped = b.turning.loop.now();
    const auto late = co_await b.store.get("banned:user:x");
    EXPECT_FALSE(late.has_value());
    EXPECT_TRUE(co_await b.down());
    EXPECT_LT(b.turning.loop.now() - stopped, Millis{1'000});
    const Millis lag = b.store.lag();
    EXPECT_GE(lag, Millis{200}) << "since it last answered";
    EXPECT_TRUE(
        co_await b.turning.until([&] { return b.store.lag() >= lag + Millis{100}; }, Millis{1'000}))
        << "it grows while Redis is away";
    EXPECT_EQ(b.follower.changes.back(), "Redis does not answer in time");
    EXPECT_EQ(b.follower.value("banned:user:x"), "1");
    redis.signal(SIGCONT);
    EXPECT_TRUE(co_await b.up());
    const auto got = co_await b.store.get("banned:user:x");
    EXPECT_TRUE(got && *got && (*got)->value == "1");
    EXPECT_EQ(b.follower.changes.size(), 3U);
}

TEST(RedisStore, FindsAServerThatHangsWithinASecond) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(survives_a_stop, redis);
}

net::Task<void> needs_password(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.turning.until(
        [&b] { return b.follower.down() && b.follower.changes.back().contains("password"); }));
    redis.cli("-a right --no-auth-warning CONFIG SET requirepass wrong");
    EXPECT_TRUE(co_await b.up());
}

TEST(RedisStore, SaysThatThePasswordIsWrongAndRecovers) {
    NEEDS_REDIS();
    RedisProcess redis({"requirepass right"});
    RedisPlace place = place_at(redis.port());
    place.password = "wrong";
    Bench(std::move(place)).run(needs_password, redis);
}

net::Task<void> runs_out_of_memory(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("CONFIG SET maxmemory 1");
    const auto refused = co_await b.store.set("k", "v", {});
    EXPECT_FALSE(refused.has_value());
    EXPECT_TRUE(co_await b.down());
    EXPECT_EQ(b.follower.changes.back(), "Redis is out of memory");
    const auto got = co_await b.store.get("k");
    EXPECT_TRUE(got.has_value());
    redis.cli("CONFIG SET maxmemory 0");
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(b.follower.changes.size(), 3U);
}

TEST(RedisStore, CountsAsAwayWhileRedisTakesNoWrites) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(runs_out_of_memory, redis);
}

net::Task<void> relays(Bench& b, RedisProcess&) {
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(co_await b.store.run_command({"SET", "banned:ip:198.51.100.1", "1", "EX", "60"}),
              "+OK\r\n");
    EXPECT_TRUE(co_await b.sees("banned:ip:198.51.100.1", "1"));
    EXPECT_EQ(co_await b.store.run_command({"GET", "banned:ip:198.51.100.1"}), "$1\r\n1\r\n");
    EXPECT_EQ(co_await b.store.run_command({"KEYS", "banned:*"}),
              "*1\r\n$22\r\nbanned:ip:198.51.100.1\r\n");
    EXPECT_TRUE((co_await b.store.run_command({"NOSUCH"})).starts_with("-ERR unknown command"));
    EXPECT_TRUE((co_await b.store.run_command({"EVALSHA", std::string(40, 'a'), "0"}))
                    .starts_with("-NOSCRIPT"));
    // Slow on purpose: the others are not held up by more than the server itself.
    EXPECT_TRUE((co_await b.store.run_command({"BLPOP", "q", "0"})).starts_with("-ERR"));
    EXPECT_TRUE(b.store.available());
}

TEST(RedisStore, RelaysOperatorsCommands) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(relays, redis);
}

constexpr std::string_view kScript = "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}";

net::Task<void> runs_scripts(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    for (std::int64_t i = 1; i <= 3; ++i) {
        const auto reply = co_await b.store.run_script(kScript, "counter", {"x"});
        EXPECT_TRUE(reply && reply->items.size() == 3);
        if (reply && reply->items.size() == 3) {
            EXPECT_EQ(reply->items[0].text, "counter");
            EXPECT_EQ(reply->items[1].text, "x");
            EXPECT_EQ(reply->items[2].integer, i);
        }
        // Also when the server has forgotten it.
        redis.cli("SCRIPT FLUSH");
    }
    redis.cli("SET counter letters");
    const auto failed = co_await b.store.run_script(kScript, "counter", {"x"});
    EXPECT_FALSE(failed.has_value());
    EXPECT_TRUE(b.store.available());
}

TEST(RedisStore, RunsScripts) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(runs_scripts, redis);
}

net::Task<void> fails_over(Bench& b, RedisProcess& master) {
    EXPECT_TRUE(co_await b.up());
    master.cli("SET banned:user:x 1");
    EXPECT_TRUE(co_await b.sees("banned:user:x", "1"));
    // The replica must have it, or the failover would lose it rightly.
    EXPECT_TRUE(co_await b.turning.until([&master] { return master.cli("WAIT 1 100") == "1"; }));
    EXPECT_TRUE(co_await b.turning.until(
        [&master] { return master.cli("INFO replication").contains("state=online"); }));
    master.kill();
    EXPECT_TRUE(co_await b.down());
    EXPECT_EQ(b.follower.value("banned:user:x"), "1");
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.follower.up(); }, Millis{30'000}));
    const auto set = co_await b.store.set("banned:user:y", "2", {});
    EXPECT_TRUE(set && *set);
    EXPECT_TRUE(co_await b.sees("banned:user:y", "2"));
    EXPECT_EQ(b.follower.value("banned:user:x"), "1");
}

TEST(RedisStore, FollowsTheMasterThatSentinelsChoose) {
    NEEDS_REDIS();
    RedisProcess master;
    RedisProcess replica({"replicaof 127.0.0.1 " + std::to_string(master.port())});
    for (int tries = 0; tries < 1000 && !master.cli("INFO replication").contains("state=online");
         ++tries) {
    }
    RedisProcess sentinel(
        {"sentinel monitor pool 127.0.0.1 " + std::to_string(master.port()) + " 1",
         "sentinel down-after-milliseconds pool 500", "sentinel failover-timeout pool 2000"},
        true);
    const std::string name = "127.0.0.1:" + std::to_string(replica.port());
    for (int tries = 0; tries < 2000 && !sentinel.cli("SENTINEL replicas pool").contains(name);
         ++tries) {
    }
    RedisPlace place;
    place.kind = RedisKind::sentinel;
    place.master = "pool";
    place.hosts = {{"127.0.0.1", free_port()}, {"127.0.0.1", sentinel.port()}};  // one is dead
    Bench(std::move(place)).run(fails_over, master);
}

net::Task<void> spreads_over_a_cluster(Bench& b, RedisProcess& first) {
    EXPECT_TRUE(co_await b.up());
    for (const char* key : {"banned:user:a", "banned:user:b", "banned:user:c", "banned:user:d"}) {
        const auto set = co_await b.store.set(key, key, {});
        EXPECT_TRUE(set && *set);
        EXPECT_TRUE(co_await b.sees(key, key));
    }
    EXPECT_NE(first.cli("DBSIZE"), "0");
    EXPECT_NE(first.cli("DBSIZE"), "4");
    first.cli("-c SET banned:user:e 5");
    EXPECT_TRUE(co_await b.sees("banned:user:e", "5"));
    EXPECT_EQ(co_await b.store.run_command({"GET", "banned:user:c"}), "$13\r\nbanned:user:c\r\n");
    const auto erased = co_await b.store.erase({"banned:user:a", "banned:user:b"});
    EXPECT_TRUE(erased && *erased == 2);
    EXPECT_TRUE(co_await b.sees("banned:user:a", "(none)"));
}

TEST(RedisStore, FollowsAllMastersOfACluster) {
    NEEDS_REDIS();
    std::vector<std::string> lines{"cluster-enabled yes", "cluster-node-timeout 2000", ""};
    lines.back() = "cluster-port " + std::to_string(free_port());
    RedisProcess first(lines);
    const std::uint16_t bus = free_port();
    lines.back() = "cluster-port " + std::to_string(bus);
    RedisProcess second(lines);
    for (const RedisProcess* node : {&first, &second}) {
        for (int tries = 0; tries < 500 && node->cli("PING") != "PONG"; ++tries) {
        }
    }
    first.cli("CLUSTER ADDSLOTSRANGE 0 8191");
    second.cli("CLUSTER ADDSLOTSRANGE 8192 16383");
    second.cli("CLUSTER SET-CONFIG-EPOCH 2");
    first.cli("CLUSTER MEET 127.0.0.1 " + std::to_string(second.port()) + " " +
              std::to_string(bus));
    for (int tries = 0; tries < 2000 && (!first.cli("CLUSTER INFO").contains("state:ok") ||
                                         !second.cli("CLUSTER INFO").contains("state:ok"));
         ++tries) {
    }
    RedisPlace place = place_at(first.port());
    place.kind = RedisKind::cluster;
    Bench(std::move(place)).run(spreads_over_a_cluster, first);
}

net::Task<void> speaks_tls(Bench& b, RedisProcess& /*redis*/) {
    EXPECT_TRUE(co_await b.up());
    const std::string much(300'000, 'x');
    const auto set = co_await b.store.set("much", much, {});
    EXPECT_TRUE(set && *set);
    const auto got = co_await b.store.get("much");
    EXPECT_TRUE(got && *got && (*got)->value == much);
    const auto banned = co_await b.store.set("banned:user:x", "1", {});
    EXPECT_TRUE(banned && *banned);
    EXPECT_TRUE(co_await b.sees("banned:user:x", "1"));
}

net::Task<void> trusts_nobody(Bench& b, RedisProcess& /*redis*/) {
    EXPECT_TRUE(co_await b.down());
    EXPECT_EQ(b.follower.changes.front(), "the certificate of Redis is not trusted");
}

TEST(RedisStore, SpeaksTlsWithServersThatItTrustsOnly) {
    NEEDS_REDIS();
    std::string pattern = std::filesystem::temp_directory_path() / "gw-redis-tls-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    const std::string directory = pattern + "/";
    const std::string make =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis -addext "
        "subjectAltName=IP:127.0.0.1 -keyout " +
        directory + "key.pem -out " + directory + "cert.pem >/dev/null 2>&1";
    if (std::system(make.c_str()) != 0) {
        leave_out("openssl");
        return;
    }
    const std::uint16_t port = free_port();
    RedisProcess redis({"tls-port " + std::to_string(port), "tls-auth-clients no",
                        "tls-cert-file " + directory + "cert.pem",
                        "tls-key-file " + directory + "key.pem",
                        "tls-ca-cert-file " + directory + "cert.pem"});
    RedisPlace place = place_at(port);
    place.tls = true;
    place.ca_file = directory + "cert.pem";
    Bench(place).run(speaks_tls, redis);
    place.ca_file.clear();
    Bench(place).run(trusts_nobody, redis);
    std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace gw::state
