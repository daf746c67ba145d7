// The script against a real Redis; skipped where redis-server is not installed.
#include "limits/exact.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "base/leave_out_test_support.hpp"
#include "base/random.hpp"
#include "limits/script_test_support.hpp"
#include "state/embedded_store.hpp"

namespace gw::limits {
namespace {

using state::RedisReply;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Millis kMinute{60'000};
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kAt = 1'795'437'000 * kSecond;

#define NEEDS_REDIS()                   \
    if (!state::redis_is_installed()) { \
        leave_out("redis-server");      \
        return;                         \
    }

RedisReply list_of(const std::vector<std::int64_t>& numbers) {
    RedisReply list{RedisReply::Kind::list, 0, "", {}};
    for (const std::int64_t number : numbers) {
        list.items.push_back({RedisReply::Kind::integer, number, "", {}});
    }
    return list;
}

TEST(StoreAnswer, IsReadStrictly) {
    const auto answer = read_answer(list_of({1, 4, 0, 0, 0, 60'000'000, 17}));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->granted, 1U);
    EXPECT_EQ(answer->remaining, 4U);
    EXPECT_EQ(answer->reset, seconds(60));
    EXPECT_EQ(answer->id, 17);
    const Outcome out = outcome_of(Quota(5, kMinute), *answer);
    EXPECT_TRUE(out.admitted);
    EXPECT_EQ(out.limit, 5U);
    EXPECT_FALSE(read_answer(list_of({1, 4, 0, 0, 0, 60'000'000})));
    EXPECT_FALSE(read_answer(list_of({-1, 4, 0, 0, 0, 60'000'000, 17})));
    EXPECT_FALSE(read_answer(list_of({1, 4, 2, 0, 0, 60'000'000, 17})));
    EXPECT_FALSE(read_answer(list_of({1, 4, 0, 0, INT64_MAX, 60'000'000, 17})));
    RedisReply with_text = list_of({1, 4, 0, 0, 0, 60'000'000, 17});
    with_text.items[3] = {RedisReply::Kind::text, 0, "1", {}};
    EXPECT_FALSE(read_answer(with_text));
    EXPECT_FALSE(read_answer({}));
}

net::Task<void> counts_one_key(ScriptBench& b) {
    const Quota quota(3, kMinute);
    for (std::uint32_t i = 0; i < 3; ++i) {
        const auto answer = co_await b.ask("p:u=1", quota, {}, kExactGroups, kAt + i * kSecond);
        EXPECT_EQ(answer.granted, 1U);
        EXPECT_EQ(answer.remaining, 2 - i);
    }
    const auto refused = co_await b.ask("p:u=1", quota, {}, kExactGroups, kAt + 10 * kSecond);
    EXPECT_EQ(refused.granted, 0U);
    EXPECT_FALSE(refused.blocked);
    EXPECT_EQ(refused.retry_after, seconds(50));
    EXPECT_EQ(refused.reset, seconds(52));
    EXPECT_EQ((co_await b.ask("p:u=2", quota, {}, kExactGroups, kAt)).granted, 1U);
    const std::int64_t next = kAt + 60 * kSecond;
    EXPECT_EQ((co_await b.ask("p:u=1", quota, {}, kExactGroups, next - 1)).granted, 0U);
    EXPECT_EQ((co_await b.ask("p:u=1", quota, {}, kExactGroups, next)).granted, 1U);
    EXPECT_EQ((co_await b.ask("p:u=1", quota, {}, kExactGroups, next)).granted, 0U);
    EXPECT_EQ(b.redis.cli("exists ratelimit:p:u=1"), "1");
    const int ttl = std::stoi(b.redis.cli("pttl ratelimit:p:u=1"));
    EXPECT_GT(ttl, 50'000);
    EXPECT_LE(ttl, 60'000);
}

TEST(TakeScript, AdmitsTheLimitInAnyWindow) {
    NEEDS_REDIS();
    ScriptBench().run(counts_one_key);
}

net::Task<void> blocks(ScriptBench& b) {
    const Quota quota(5, kMinute, minutes(5));
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ((co_await b.ask("t", quota, {}, kExactGroups, kAt)).granted, 1U);
    }
    const auto first = co_await b.ask("t", quota, {}, kExactGroups, kAt + kSecond);
    EXPECT_TRUE(first.block_began);
    EXPECT_TRUE(first.blocked);
    EXPECT_EQ(first.retry_after, minutes(5));
    const auto later = co_await b.ask("t", quota, {}, kExactGroups, kAt + 300 * kSecond);
    EXPECT_FALSE(later.block_began);
    EXPECT_EQ(later.retry_after, seconds(1));
    EXPECT_EQ((co_await b.ask("t", quota, {}, kExactGroups, kAt + 301 * kSecond)).granted, 1U);
}

TEST(TakeScript, BlocksWhoAskedForMore) {
    NEEDS_REDIS();
    ScriptBench().run(blocks);
}

net::Task<void> gives_back(ScriptBench& b) {
    const Quota quota(2, std::chrono::hours(1));
    for (int i = 0; i < 20; ++i) {
        const std::int64_t at = kAt + i * kSecond;
        const auto taken = co_await b.ask("f", quota, {}, kExactGroups, at);
        EXPECT_EQ(taken.granted, 1U) << i;
        const auto back = co_await b.ask("f", quota, {.permits = 0, .back_id = taken.id, .back = 1},
                                         kExactGroups, at + 10);
        EXPECT_EQ(back.granted, 0U);
        EXPECT_EQ(back.remaining, 2U);
    }
}

TEST(TakeScript, GivesBackWhatDidNotCount) {
    NEEDS_REDIS();
    ScriptBench().run(gives_back);
}

net::Task<void> gives_back_twice(ScriptBench& b) {
    const Quota quota(5, std::chrono::hours(1));
    const auto first = co_await b.ask("g", quota, {}, kExactGroups, kAt);
    co_await b.ask("g", quota, {}, kExactGroups, kAt + kSecond);
    for (int i = 0; i < 2; ++i) {
        const auto back = co_await b.ask("g", quota, {.permits = 0, .back_id = first.id, .back = 1},
                                         kExactGroups, kAt + 2 * kSecond);
        EXPECT_EQ(back.remaining, 4U) << "the other one's stays";
    }
}

TEST(TakeScript, GivesBackOnceWhatIsSentTwice) {
    NEEDS_REDIS();
    ScriptBench().run(gives_back_twice);
}

net::Task<void> clock_goes_back(ScriptBench& b) {
    const Quota quota(2, kMinute);
    EXPECT_EQ((co_await b.ask("c", quota, {}, kExactGroups, kAt)).granted, 1U);
    EXPECT_EQ((co_await b.ask("c", quota, {}, kExactGroups, kAt + kSecond)).granted, 1U);
    const std::int64_t hour = 3'600 * kSecond;
    EXPECT_EQ((co_await b.ask("c", quota, {}, kExactGroups, kAt - hour)).granted, 0U);
    const auto refused = co_await b.ask("c", quota, {}, kExactGroups, kAt - hour);
    EXPECT_LE(refused.retry_after, seconds(60));
    EXPECT_EQ((co_await b.ask("c", quota, {}, kExactGroups, kAt - hour + 60 * kSecond)).granted,
              1U);
}

TEST(TakeScript, IsNotFrozenByAClockThatGoesBack) {
    NEEDS_REDIS();
    ScriptBench().run(clock_goes_back);
}

net::Task<void> finds_rubbish(ScriptBench& b) {
    b.redis.cli("set ratelimit:r rubbish");
    EXPECT_EQ((co_await b.ask("r", Quota(1, kMinute), {}, kExactGroups, kAt)).granted, 1U);
    EXPECT_EQ((co_await b.ask("r", Quota(1, kMinute), {}, kExactGroups, kAt)).granted, 0U);
}

TEST(TakeScript, BeginsAnewWhereTheKeyHoldsSomethingElse) {
    NEEDS_REDIS();
    ScriptBench().run(finds_rubbish);
}

struct Crowd {
    int running = 0;
    std::uint32_t admitted = 0;
};

net::Task<void> one_of_many(ScriptBench& b, Crowd& crowd) {
    const auto answer = co_await b.ask("crowd", Quota(37, kMinute), {}, kExactGroups, std::nullopt);
    crowd.admitted += answer.granted;
    --crowd.running;
}

net::Task<void> asks_at_once(ScriptBench& b) {
    Crowd crowd;
    net::Scope scope;
    for (int i = 0; i < 500; ++i) {
        ++crowd.running;
        scope.spawn(one_of_many(b, crowd));
    }
    co_await scope.all_done();
    EXPECT_EQ(crowd.running, 0);
    EXPECT_EQ(crowd.admitted, 37U);
}

TEST(TakeScript, AdmitsExactlyTheLimitOfFiveHundredAtOnce) {
    NEEDS_REDIS();
    ScriptBench().run(asks_at_once);
}

net::Task<void> random_schedules(ScriptBench& b) {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        Random random(seed);
        const auto limit = static_cast<std::uint32_t>(1 + random.below(random.below(2) ? 9 : 150));
        const Quota quota(limit, Millis{10'000});
        const std::uint32_t group = (limit + kExactGroups - 1) / kExactGroups;
        std::deque<std::int64_t> admitted;
        std::int64_t at = kAt;
        const std::string key = "s" + std::to_string(seed);
        for (int step = 0; step < 150; ++step) {
            at += static_cast<std::int64_t>(random.below(4) == 0
                                                ? random.below(3'000'000)
                                                : random.below(1 + 15'000'000 / limit));
            while (!admitted.empty() && admitted.front() + 10 * kSecond <= at) {
                admitted.pop_front();
            }
            const auto answer = co_await b.ask(key, quota, {}, kExactGroups, at);
            if (answer.granted == 1) {
                admitted.push_back(at);
            } else {
                EXPECT_GT(admitted.size() + group, limit) << "seed " << seed << " step " << step;
            }
            EXPECT_LE(admitted.size(), limit) << "seed " << seed << " step " << step;
        }
    }
}

TEST(TakeScriptSimulation, NeverAdmitsMoreThanTheLimitInAnyWindow) {
    NEEDS_REDIS();
    ScriptBench().run(random_schedules);
}

net::Task<void> has_none(state::EmbeddedStore& store) {
    const auto reply = co_await store.run_script(kTakeScript, "ratelimit:x", {});
    EXPECT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().retry, Retry::never);
}

TEST(TakeScript, IsNotRunByTheEmbeddedStore) {
    state::TestLoop turning;
    state::EmbeddedStore store(turning.loop);
    turning.run(has_none(store));
}

}  // namespace
}  // namespace gw::limits
