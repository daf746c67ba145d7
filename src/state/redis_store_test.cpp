// The store in Redis against real servers. Skipped where redis-server is not installed.
#include "state/redis_store.hpp"

#include <gtest/gtest.h>

#include "state/redis_store_test_support.hpp"

namespace gw::state {
namespace {

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

// 317 years, as who means "for ever" writes it.
constexpr const char* kLongLife = "9999999999";

net::Task<void> keeps_for_ever(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:ip:203.0.113.7 1 EX 3600");
    EXPECT_TRUE(co_await b.sees("banned:ip:203.0.113.7", "1"));
    redis.cli(std::string("SET banned:ip:203.0.113.7 longer EX ") + kLongLife);
    EXPECT_TRUE(co_await b.sees("banned:ip:203.0.113.7", "longer"));
    EXPECT_FALSE(b.follower.entries["banned:ip:203.0.113.7"].expires.has_value());
    const auto got = co_await b.store.get("banned:ip:203.0.113.7");
    EXPECT_TRUE(got && got->has_value() && !(*got)->expires);
}

TEST(RedisStore, ALifeLongerThanAnyClockShowsHasNoEnd) {
    NEEDS_REDIS();
    RedisProcess redis;
    Bench(place_at(redis.port())).run(keeps_for_ever, redis);
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

// Sees when keys of a listing are told, and when it ends.
class SlowReader final : public Follower {
  public:
    explicit SlowReader(const Clock& clock) : clock_(clock) {}
    void known(const KnownEntry& /*entry*/) override {
        first_ = first_ == Instant{} ? clock_.now : first_;
    }
    void gone(std::string_view /*key*/) override {}
    void no_text(std::string_view /*key*/) override {}
    void listing_began() override {}
    void listing_ended() override { ended_ = clock_.now; }
    void refuses(std::string_view) override {}
    void backend_changed(bool /*available*/, const char* /*why*/) override {}
    std::vector<KnownEntry> everything() override { return {}; }
    [[nodiscard]] Instant first() const { return first_; }
    [[nodiscard]] Instant ended() const { return ended_; }

  private:
    const Clock& clock_;
    Instant first_{};
    Instant ended_{};
};

net::Task<void> reads_slowly(TestLoop& turning, SlowReader& reader, RedisStore& store) {
    EXPECT_FALSE(store.told_all());
    EXPECT_TRUE(co_await turning.until([&store] { return store.told_all(); }));
    EXPECT_LT(reader.first(), reader.ended());
    co_await store.stop();
}

TEST(RedisStore, WhatIsListedIsToldBeforeTheListingEnds) {
    NEEDS_REDIS();
    RedisProcess redis;
    for (int tries = 0; tries < 500 && redis.cli("PING") != "PONG"; ++tries) {
    }
    redis.cli(R"(EVAL "for i=1,5000 do redis.call('SET','revoked:jti:'..i,'1') end" 0)");
    TestLoop turning;
    SlowReader reader(turning.loop.clock());
    RedisStore store(turning.loop, place_at(redis.port()), "127.0.0.1", 7);
    store.follow(kPrefixes, reader);
    turning.run(reads_slowly(turning, reader, store));
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

RedisPlace place_of_user(std::uint16_t port) {
    RedisPlace place = place_at(port);
    place.user = "gw";
    place.password = "pw";
    return place;
}

net::Task<void> lacks_a_key(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    redis.cli("SET banned:user:u1 1");
    EXPECT_TRUE(co_await b.sees("banned:user:u1", "1"));
    const auto refused = co_await b.store.set("idempotency:secret", "claim", {});
    EXPECT_FALSE(refused.has_value());
    EXPECT_TRUE(co_await b.turning.until([&b] { return !b.follower.refusals.back().empty(); }));
    EXPECT_EQ(b.follower.refusals.back(),
              "Redis does not permit SET idempotency:*: this user has no permissions to access one "
              "of the keys used as arguments");
    EXPECT_TRUE(b.store.available()) << "the rest goes on";
    redis.cli("ACL SETUSER gw '~idempotency:*'");
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.follower.refusals.back().empty(); }));
    EXPECT_EQ(redis.cli("EXISTS idempotency:secret"), "0") << "trying does nothing";
    EXPECT_TRUE((co_await b.store.set("idempotency:secret", "claim", {})).has_value());
    EXPECT_EQ(b.follower.changes, std::vector<std::string>{"up"});
}

TEST(RedisStore, TellsWhatItsUserMayNotDoUntilItMay) {
    NEEDS_REDIS();
    RedisProcess redis({"user gw on >pw ~banned:* ~gateway:lives* &* +@all"});
    Bench(place_of_user(redis.port())).run(lacks_a_key, redis);
}

net::Task<void> may_not_ask_for_info(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.up());
    EXPECT_TRUE(b.follower.refusals.back().empty()) << b.follower.refusals.back();
    redis.cli("SET banned:user:u1 1");
    EXPECT_TRUE(co_await b.sees("banned:user:u1", "1"));
    redis.kill();
    EXPECT_TRUE(co_await b.down());
    redis.start();
    EXPECT_TRUE(co_await b.up());
    EXPECT_TRUE(co_await b.turning.until([&redis] {
        return redis.cli("GET banned:user:u1") == "1";
    })) << "a server that came back empty is given back what it had";
    redis.cli("DEL banned:user:u1");
    EXPECT_TRUE(co_await b.sees("banned:user:u1", "(none)"));
    const std::size_t told = b.follower.changes.size();
    redis.cli("CLIENT KILL TYPE normal");
    EXPECT_TRUE(co_await b.turning.until(
        [&b, told] { return b.follower.changes.size() > told && b.follower.up(); }));
    EXPECT_EQ(redis.cli("EXISTS banned:user:u1"), "0") << "it has lost nothing";
}

TEST(RedisStore, FollowsAServerThatRefusesInfo) {
    NEEDS_REDIS();
    RedisProcess redis({"user gw on >pw ~* &* +@all -@dangerous"});
    Bench(place_of_user(redis.port())).run(may_not_ask_for_info, redis);
}

net::Task<void> lacks_the_channel(Bench& b, RedisProcess& redis) {
    EXPECT_TRUE(co_await b.down());
    EXPECT_EQ(b.follower.changes.back(),
              "Redis does not permit SUBSCRIBE __redis__:invalidate: this user has no permissions "
              "to access one of the channels used as arguments");
    redis.cli("ACL SETUSER gw '&__redis__:invalidate'");
    EXPECT_TRUE(co_await b.up());
    EXPECT_EQ(b.follower.changes.size(), 2U);
}

TEST(RedisStore, NamesTheChannelThatItMayNotHear) {
    NEEDS_REDIS();
    RedisProcess redis({"user gw on >pw ~* resetchannels +@all"});
    Bench(place_of_user(redis.port())).run(lacks_the_channel, redis);
}

net::Task<void> reads_some(Bench& b, RedisProcess& redis) {
    redis.cli("MSET banned:user:u1 1 revoked:user:u2 12345");
    EXPECT_TRUE(co_await b.up());
    EXPECT_TRUE(co_await b.sees("banned:user:u1", "1"));
    EXPECT_TRUE(co_await b.turning.until([&b] { return !b.follower.refusals.back().empty(); }));
    EXPECT_TRUE(b.follower.refusals.back().contains("GETRANGE revoked:*"))
        << b.follower.refusals.back();
    EXPECT_EQ(b.follower.listings, 0) << "what was known of the others must stay";
    EXPECT_FALSE(b.store.told_all());
    redis.cli("ACL SETUSER gw '~revoked:*'");
    EXPECT_TRUE(co_await b.sees("revoked:user:u2", "12345", Millis{15'000}));
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.store.told_all(); }));
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.follower.refusals.back().empty(); }));
}

TEST(RedisStore, ReadsWhatItMayWhereItMayNotReadAll) {
    NEEDS_REDIS();
    RedisProcess redis({"user gw on >pw ~banned:* &* +@all"});
    Bench(place_of_user(redis.port())).run(reads_some, redis);
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
    // Costs the operators' connection; who comes next has another.
    constexpr std::string_view kDeep =
        "local t = {} local r = t for i = 1, 20 do local n = {} t[1] = n t = n end return r";
    EXPECT_TRUE((co_await b.store.run_command({"EVAL", std::string(kDeep), "0"}))
                    .contains("nested too deep"));
    EXPECT_EQ(co_await b.store.run_command({"GET", "banned:ip:198.51.100.1"}), "$1\r\n1\r\n");
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
    const std::string keys = co_await b.store.run_command({"KEYS", "banned:user:*"});
    EXPECT_TRUE(keys.starts_with("*5\r\n")) << keys;
    std::string cursor = "0";
    std::set<std::string> scanned;
    do {
        RedisReplyReader reader;
        EXPECT_TRUE(
            reader.feed(co_await b.store.run_command({"SCAN", cursor, "MATCH", "banned:*"})));
        const auto page = reader.next();
        if (!page || !*page || (*page)->items.size() != 2) {
            ADD_FAILURE() << "no page";
            break;
        }
        cursor = (*page)->items[0].text;
        for (const RedisReply& key : (*page)->items[1].items) {
            scanned.insert(key.text);
        }
    } while (cursor != "0");
    EXPECT_EQ(scanned.size(), 5U);
    EXPECT_EQ(co_await b.store.run_command({"DBSIZE"}), ":7\r\n") << "and what each master counts";
    const auto erased = co_await b.store.erase({"banned:user:a", "banned:user:b"});
    EXPECT_TRUE(erased && *erased == 2);
    EXPECT_TRUE(co_await b.sees("banned:user:a", "(none)"));
    EXPECT_EQ(co_await b.store.run_command({"FLUSHALL"}), "+OK\r\n");
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.follower.entries.empty(); }));
}

TEST(RedisStore, FollowsAllMastersOfACluster) {
    NEEDS_REDIS();
    RedisPair pair;
    Bench(pair.place()).run(spreads_over_a_cluster, pair.first);
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
