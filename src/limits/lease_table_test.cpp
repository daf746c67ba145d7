#include "limits/lease_table.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.hpp"

namespace gw::limits {
namespace {

using std::chrono::seconds;
using Is = Lease::Is;

const Instant kBegin{std::chrono::hours(1'000)};
const Quota kQuota(1'000, Millis{60'000});

StoreAnswer all_of(const StoreAsk& ask) {
    StoreAnswer answer;
    answer.granted = ask.permits;
    answer.remaining = 500;
    answer.id = 1;
    return answer;
}

TEST(LeaseTable, GivesOneOrderForEachKeyThatNeedsPermits) {
    LeaseTable table(10, 7);
    for (int i = 0; i < 5; ++i) {
        const auto a = table.take("a", kQuota, kBegin, 100);
        ASSERT_TRUE(a.has_value());
        EXPECT_EQ(a->lease.is, Is::waiting);
        EXPECT_EQ(a->wake, i == 0);
        EXPECT_FALSE(table.take("b", kQuota, kBegin, 100)->wake);
    }
    const auto orders = table.fetch_orders();
    ASSERT_EQ(orders.size(), 2U);
    EXPECT_EQ(orders[0].key, "a");
    EXPECT_EQ(orders[1].key, "b");
    EXPECT_TRUE(table.fetch_orders().empty());
    table.answered(orders[0], all_of(orders[0].ask), kBegin);
    EXPECT_EQ(table.take("a", kQuota, kBegin, 100, true)->lease.is, Is::admitted);
    table.failed(orders[1], kBegin);
    EXPECT_EQ(table.take("b", kQuota, kBegin, 100, true)->lease.outcome.limit, 10U);
}

TEST(LeaseTable, ForgetsThatTheStoreHasNone) {
    LeaseTable table(10, 7);
    EXPECT_EQ(table.take("a", kQuota, kBegin, 1)->lease.is, Is::admitted) << "on credit";
    Instant now = kBegin + seconds(5);
    table.tidy(now);
    std::vector<LeaseTable::Order> orders;
    for (int i = 0; i < 16 && orders.empty(); ++i) {
        table.tidy(now);
        orders = table.fetch_orders();
    }
    ASSERT_EQ(orders.size(), 1U);
    table.answered(orders[0], {.remaining = 0, .retry_after = std::chrono::seconds(50)}, now);
    EXPECT_EQ(table.take("a", kQuota, now, 1)->lease.is, Is::refused);
    table.forget("a", kQuota);
    table.forget("nobody", kQuota);
    EXPECT_NE(table.take("a", kQuota, now, 1)->lease.is, Is::refused);
    EXPECT_EQ(table.left("a", kQuota), 0U);
}

TEST(LeaseTable, HasNoRoomForMoreKeysThanItsLimitUntilSomeAreOver) {
    LeaseTable table(3, 7);
    for (const char* key : {"a", "b", "c"}) {
        EXPECT_TRUE(table.take(key, kQuota, kBegin, 1).has_value());
    }
    EXPECT_FALSE(table.take("d", kQuota, kBegin, 1).has_value());
    EXPECT_TRUE(table.take("a", kQuota, kBegin, 1).has_value());
    Instant now = kBegin;
    // Permits come, go back unused, and after a window nothing is left to be known.
    for (int i = 0; i < 16 * 100; ++i) {
        now += Millis{100};
        for (const auto& order : table.fetch_orders()) {
            table.answered(order, all_of(order.ask), now);
        }
        table.tidy(now);
    }
    EXPECT_EQ(table.keys(), 0U);
    EXPECT_TRUE(table.take("d", kQuota, now, 1).has_value());
}

TEST(LeaseTable, ForgetsKeysAlsoWhileTheStoreIsAway) {
    LeaseTable table(100, 7);
    Random random(3);
    Instant now = kBegin;
    for (int i = 0; i < 2'000; ++i) {
        now += Millis{10};
        table.take(std::to_string(random.below(50)), kQuota, now, 4);
        for (const auto& order : table.fetch_orders()) {
            if (random.below(3) == 0) {
                table.failed(order, now);
            } else {
                table.answered(order, all_of(order.ask), now);
            }
        }
        table.tidy(now);
    }
    for (int i = 0; i < 16 * 100; ++i) {
        now += Millis{100};
        for (const auto& order : table.fetch_orders()) {
            table.failed(order, now);
        }
        table.tidy(now);
    }
    EXPECT_EQ(table.keys(), 0U);
}

TEST(LeaseTable, GivesEachPermitOnceToManyThreads) {
    LeaseTable table(100, 7);
    const Quota quota(50, Millis{60'000});
    std::atomic<std::uint32_t> admitted{0};
    std::atomic<bool> done{false};
    std::uint32_t granted = 0;
    std::jthread store([&] {
        while (!done) {
            for (const auto& order : table.fetch_orders()) {
                StoreAnswer answer = all_of(order.ask);
                answer.granted = std::min(answer.granted, 50 - granted);
                granted += answer.granted;
                answer.retry_after = seconds(60);
                table.answered(order, answer, kBegin);
            }
        }
    });
    {
        std::vector<std::jthread> workers;
        for (int t = 0; t < 3; ++t) {
            workers.emplace_back([&] {
                for (int i = 0; i < 5'000; ++i) {
                    const auto taken = table.take("one", quota, kBegin, 4);
                    admitted += taken && taken->lease.is == Is::admitted ? 1 : 0;
                }
            });
        }
    }
    done = true;
    store.join();
    EXPECT_LE(admitted, 50U);
    EXPECT_LE(granted, 50U);
}

}  // namespace
}  // namespace gw::limits
