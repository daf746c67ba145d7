// The script of the limits in a real Redis, for tests: with its own clock, or at times that the
// test chooses.
#pragma once

#include "limits/exact.hpp"
#include "state/redis_server_test_support.hpp"
#include "state/redis_store.hpp"

namespace gw::limits {

class ScriptBench {
  public:
    ScriptBench() : store_(turning.loop, place_at(redis.port()), "127.0.0.1", 7) {
        store_.follow({"banned:"}, follower_);
    }
    // body: a named coroutine.
    void run(net::Task<void> (*body)(ScriptBench&)) { turning.run(whole(body)); }

    net::Task<StoreAnswer> ask(std::string key, Quota quota, StoreAsk ask, std::uint32_t groups,
                               std::optional<std::int64_t> at) {
        const auto reply = co_await store_.run_script(kTakeScript, store_key(key),
                                                      take_arguments(quota, ask, groups, at));
        const auto answer = reply ? read_answer(*reply) : std::nullopt;
        ensure(answer.has_value(), reply ? "an answer of the script" : reply.error().detail);
        ++calls;
        co_return *answer;
    }

    state::RedisProcess redis;
    state::TestLoop turning;
    int calls = 0;

  private:
    static state::RedisPlace place_at(std::uint16_t port) {
        state::RedisPlace place;
        place.hosts.push_back({"127.0.0.1", port});
        place.command_timeout = Millis{5'000};
        return place;
    }
    net::Task<void> whole(net::Task<void> (*body)(ScriptBench&)) {
        const bool up = co_await turning.until([this] { return store_.available(); });
        ensure(up, "redis is there");
        co_await body(*this);
        co_await store_.stop();
    }
    state::TestFollower follower_;
    state::RedisStore store_;
};

}  // namespace gw::limits
