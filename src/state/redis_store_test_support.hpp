// What tests of the store in Redis have in common: real servers, a follower, and a loop that turns
// until something holds.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/leave_out_test_support.hpp"
#include "state/redis_server_test_support.hpp"
#include "state/redis_store.hpp"

namespace gw::state {

#define NEEDS_REDIS()              \
    if (!redis_is_installed()) {   \
        leave_out("redis-server"); \
        return;                    \
    }

inline RedisPlace place_at(std::uint16_t port) {
    RedisPlace place;
    place.hosts.push_back({"127.0.0.1", port});
    return place;
}

inline const std::vector<std::string> kPrefixes{"banned:", "revoked:", "maintenance:"};

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

// Two masters, each with half of the slots.
struct RedisPair {
    RedisPair() {
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
    }
    static std::vector<std::string> lines(std::uint16_t bus) {
        return {"cluster-enabled yes", "cluster-node-timeout 2000",
                "cluster-port " + std::to_string(bus)};
    }
    [[nodiscard]] RedisPlace place() const {
        RedisPlace place = place_at(first.port());
        place.kind = RedisKind::cluster;
        return place;
    }
    const std::uint16_t bus = free_port();
    RedisProcess first{lines(free_port())};
    RedisProcess second{lines(bus)};
};

}  // namespace gw::state
