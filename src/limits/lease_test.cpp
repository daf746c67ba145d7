#include "limits/lease.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <queue>

#include "base/leave_out_test_support.hpp"
#include "base/random.hpp"
#include "limits/script_test_support.hpp"

namespace gw::limits {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using Is = Lease::Is;

const Instant kBegin{std::chrono::hours(1'000)};
constexpr Millis kSecond{1'000};
constexpr Millis kMinute{60'000};

StoreAnswer granting(std::uint32_t permits, std::uint32_t remaining, PermitId id = 1) {
    StoreAnswer answer;
    answer.granted = permits;
    answer.remaining = remaining;
    answer.id = id;
    return answer;
}

TEST(Lease, LetsTheFirstWaitAndThenNobody) {
    Lease lease(Quota(50, kMinute));
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::waiting);
    const auto ask = lease.ask(kBegin);
    ASSERT_TRUE(ask.has_value());
    EXPECT_GE(ask->permits, 1U);
    EXPECT_EQ(ask->life, std::chrono::milliseconds(1'500));
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::waiting);
    EXPECT_FALSE(lease.ask(kBegin).has_value()) << "one at a time";
    lease.answered(granting(3, 47), kBegin + Millis{1});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(lease.take_again(kBegin + Millis{1}, 4).is, Is::admitted);
    }
    const auto third = lease.take(kBegin + Millis{2}, 4);
    EXPECT_EQ(third.is, Is::admitted);
    EXPECT_EQ(third.outcome.limit, 50U);
    EXPECT_EQ(third.outcome.remaining, 47U);
}

TEST(Lease, GivesBackWhatNobodyUsed) {
    Lease lease(Quota(50, kMinute));
    lease.take(kBegin, 4);
    ASSERT_TRUE(lease.ask(kBegin).has_value());
    lease.answered(granting(5, 45, 77), kBegin);
    lease.take_again(kBegin, 4);
    EXPECT_EQ(lease.left(), 4U);
    const Instant due = lease.due();
    EXPECT_EQ(due, kBegin + Millis{1'500});
    const auto back = lease.ask(due);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->permits, 0U);
    EXPECT_EQ(back->back, 4U);
    EXPECT_EQ(back->back_id, 77);
    lease.answered(granting(0, 49, 0), due);
    EXPECT_EQ(lease.due(), kNever);
    EXPECT_TRUE(lease.is_over(kBegin + seconds(70)));
}

TEST(Lease, RefusesWithoutAskingWhileTheStoreHasNone) {
    Lease lease(Quota(50, kMinute));
    lease.take(kBegin, 4);
    ASSERT_TRUE(lease.ask(kBegin).has_value());
    StoreAnswer none;
    none.retry_after = seconds(20);
    none.reset = seconds(50);
    lease.answered(none, kBegin);
    const auto refused = lease.take_again(kBegin, 4);
    EXPECT_EQ(refused.is, Is::refused);
    EXPECT_EQ(refused.outcome.retry_after, seconds(20));
    EXPECT_EQ(lease.take(kBegin + seconds(19), 4).is, Is::refused);
    EXPECT_FALSE(lease.ask(kBegin + seconds(19)).has_value());
    EXPECT_EQ(lease.take(kBegin + seconds(20), 4).is, Is::waiting);
    EXPECT_TRUE(lease.ask(kBegin + seconds(20)).has_value());
}

TEST(Lease, AdmitsALittleOnCreditAndPaysForIt) {
    Lease lease(Quota(1'000, kMinute));  // credit: 1 % over four
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::admitted);
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::admitted);
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::waiting);
    const auto ask = lease.ask(kBegin);
    ASSERT_TRUE(ask.has_value());
    EXPECT_GE(ask->permits, 3U);
    lease.answered(granting(4, 900), kBegin);
    EXPECT_EQ(lease.left(), 2U);
}

TEST(Lease, CountsAloneUpToItsShareWhileTheStoreIsAway) {
    Lease lease(Quota(100, kMinute));
    lease.take(kBegin, 4);
    ASSERT_TRUE(lease.ask(kBegin).has_value());
    lease.failed(kBegin);
    EXPECT_TRUE(lease.store_is_away());
    EXPECT_EQ(lease.take_again(kBegin, 4).is, Is::admitted);
    std::uint32_t admitted = 1;
    for (int i = 0; i < 100; ++i) {
        const auto taken = lease.take(kBegin + Millis{i}, 4);
        admitted += taken.is == Is::admitted ? 1 : 0;
        EXPECT_EQ(taken.outcome.limit, 25U);
        EXPECT_NE(taken.is, Is::waiting);
    }
    EXPECT_EQ(admitted, 25U);
    const auto refused = lease.take(kBegin + seconds(1), 4);
    EXPECT_GT(refused.outcome.retry_after, seconds(58));
    EXPECT_LE(refused.outcome.retry_after, seconds(60));
    EXPECT_EQ(lease.take(kBegin + seconds(1) + refused.outcome.retry_after, 4).is, Is::admitted);
    // It tries the store now and then, and counts with it again.
    EXPECT_FALSE(lease.ask(kBegin + Millis{100}).has_value());
    ASSERT_TRUE(lease.ask(kBegin + seconds(2)).has_value());
    lease.answered(granting(10, 90), kBegin + seconds(2));
    EXPECT_FALSE(lease.store_is_away());
    EXPECT_EQ(lease.take(kBegin + seconds(2), 4).is, Is::admitted);
}

TEST(Lease, OwesAfterAFailureWhatItOwedBefore) {
    Lease lease(Quota(1'000, kMinute));
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::admitted);
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::admitted);  // all of its credit
    EXPECT_EQ(lease.take(kBegin, 4).is, Is::waiting);
    ASSERT_TRUE(lease.ask(kBegin).has_value());
    lease.failed(kBegin + Millis{30});
    EXPECT_EQ(lease.take_again(kBegin + Millis{30}, 4).is, Is::admitted) << "of its share";
    EXPECT_EQ(lease.take(kBegin + seconds(1), 4).is, Is::admitted);
    const auto ask = lease.ask(kBegin + seconds(1));
    ASSERT_TRUE(ask.has_value());
    EXPECT_GE(ask->permits, 2U);
    lease.answered(granting(2, 900), kBegin + seconds(1));
    EXPECT_EQ(lease.left(), 0U) << "both were owed";
}

// A store that never forgets, and what it answers while nothing leaves its window.
struct FullStore {
    void answer(Lease& lease, Instant now) {
        const auto ask = lease.ask(now);
        if (!ask) {
            return;
        }
        ++calls;
        left += ask->back;
        StoreAnswer out;
        out.granted = std::min(ask->permits, left);
        left -= out.granted;
        out.remaining = left;
        out.id = ++last_id;
        if (out.granted > 0) {
            latest = now + ask->life;
        }
        out.reset = std::chrono::duration_cast<microseconds>(latest + kMinute - now);
        out.retry_after = left == 0 ? out.reset : microseconds(0);
        lease.answered(out, now);
    }
    std::uint32_t left = 0;
    PermitId last_id = 0;
    Instant latest{};
    std::uint32_t calls = 0;
};

// Requests one after the other, a millisecond apart; how many are admitted.
std::uint32_t ask_for(std::uint32_t count, Lease& lease, FullStore& store, Instant& now) {
    std::uint32_t admitted = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        now += Millis{1};
        Lease::Taken taken = lease.take(now, 2);
        store.answer(lease, now);
        if (taken.is == Is::waiting) {
            taken = lease.take_again(now, 2);
        }
        admitted += taken.is == Is::admitted ? 1 : 0;
    }
    return admitted;
}

TEST(Lease, LeavesAnotherGatewayNearlyAllThatIsLeft) {
    for (const std::uint32_t limit : {1U, 2U, 3U, 5U, 10U, 20U, 50U, 100U, 1'000U}) {
        for (const std::uint32_t tenths : {1U, 3U, 5U, 8U, 9U}) {
            FullStore store{.left = limit};
            Lease first(Quota(limit, kMinute));
            Lease second(Quota(limit, kMinute));
            Instant now = kBegin;
            std::uint32_t admitted = ask_for(limit * tenths / 10, first, store, now);
            admitted += ask_for(limit, second, store, now);
            EXPECT_GE(admitted, std::ceil(0.95 * limit)) << limit << ", a part of " << tenths;
            EXPECT_LE(admitted, limit + limit / 100);
            EXPECT_LE(store.calls, limit / 2 + 20) << "of " << limit;
            // What the first one does not use goes back, and is found.
            for (int i = 0; i < 100; ++i) {
                now += Millis{100};
                store.answer(first, now);
                admitted += ask_for(1, second, store, now);
            }
            EXPECT_GE(admitted, limit) << "a part of " << tenths;
            EXPECT_LE(admitted, limit + limit / 100);
        }
    }
}

TEST(Lease, AsksAgainOnlyWhileOthersMayGiveBack) {
    FullStore store{.left = 20};
    Lease first(Quota(20, kMinute));
    Lease second(Quota(20, kMinute));
    Instant now = kBegin;
    ask_for(20, first, store, now);
    std::uint32_t before = store.calls;
    for (int i = 0; i < 500; ++i) {
        now += Millis{100};
        EXPECT_EQ(ask_for(1, second, store, now), 0U);
        const auto refused = second.take(now, 2);
        EXPECT_EQ(refused.is, Is::refused);
        EXPECT_GT(refused.outcome.retry_after, seconds(10)) << "what is sure";
    }
    EXPECT_LE(store.calls - before, 6U);
}

TEST(Lease, GivesBackAlsoWhereTheStoreHasNone) {
    Lease lease(Quota(50, kMinute));
    lease.take(kBegin, 1);
    lease.take(kBegin, 1);
    const auto ask = lease.ask(kBegin);
    ASSERT_TRUE(ask.has_value());
    ASSERT_GE(ask->permits, 3U);
    StoreAnswer last = granting(2, 0, 5);
    last.retry_after = seconds(40);
    last.reset = seconds(41);
    lease.answered(last, kBegin);
    ASSERT_EQ(lease.take_again(kBegin, 1).is, Is::admitted);
    ASSERT_EQ(lease.left(), 1U);
    const Instant due = lease.due();
    EXPECT_EQ(due, kBegin + Millis{1'500});
    const auto back = lease.ask(due);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->back, 1U);
}

TEST(Lease, CountsWhatItAdmittedBeforeWhereItMayNotWait) {
    FullStore store{.left = 100};
    Lease lease(Quota(100, kMinute));
    Instant now = kBegin;
    EXPECT_EQ(ask_for(40, lease, store, now), 40U);
    std::uint32_t admitted = 40;
    for (int i = 0; i < 100; ++i) {
        const auto taken = lease.take(now, 2, true);
        ASSERT_NE(taken.is, Is::waiting);
        admitted += taken.is == Is::admitted ? 1 : 0;
    }
    EXPECT_EQ(admitted, 50U) << "its share";
}

TEST(Lease, RefusesAloneWhatTheStoreHasRefused) {
    FullStore store{.left = 100};
    Lease first(Quota(100, kMinute));
    Lease second(Quota(100, kMinute));
    Instant now = kBegin;
    EXPECT_EQ(ask_for(200, first, store, now), 100U);
    EXPECT_EQ(ask_for(1, second, store, now), 0U);
    EXPECT_EQ(second.take(now, 2, true).is, Is::refused);
    EXPECT_EQ(second.take(now + seconds(65), 2, true).is, Is::admitted);
}

// Four gateways and the script in a real Redis, on one virtual clock.
constexpr std::size_t kGateways = 4;

struct Traffic {
    Quota quota{10'000, kSecond};
    double per_second = 10'000;  // of all gateways
    std::array<double, kGateways> part{0.25, 0.25, 0.25, 0.25};
    bool bursts = false;
    double seconds = 5;
};

struct Event {
    std::int64_t at_us = 0;
    enum class Of : std::uint8_t { arrival, store, answer, timer } of = Of::arrival;
    std::size_t gateway = 0;
    StoreAsk ask{};
    StoreAnswer answer{};
    bool operator>(const Event& other) const { return at_us > other.at_us; }
};

struct Tally {
    std::uint64_t requests = 0;
    std::uint64_t calls = 0;
    std::uint64_t waited = 0;
    std::deque<std::int64_t> admitted;  // of the last window
    std::size_t most = 0;               // in any window
    std::uint64_t steady = 0;           // admitted after the first two windows
};

class Fleet {
  public:
    Fleet(ScriptBench& bench, const Traffic& traffic, std::uint64_t seed)
        : bench_(bench), traffic_(traffic), random_(seed), key_("fleet" + std::to_string(seed)) {}

    net::Task<void> run() {
        const auto end = static_cast<std::int64_t>(traffic_.seconds * 1e6);
        for (std::size_t g = 0; g < kGateways; ++g) {
            events_.push({static_cast<std::int64_t>(random_.below(1'000)), Event::Of::arrival, g});
            events_.push({0, Event::Of::timer, g});
        }
        while (events_.top().at_us < end) {
            Event event = events_.top();
            events_.pop();
            if (event.of == Event::Of::store) {
                // The store's clock is another one.
                event.answer = co_await bench_.ask(key_, traffic_.quota, event.ask, Lease::kGroups,
                                                   1'795'437'000'000'000 + event.at_us);
                event.of = Event::Of::answer;
                event.at_us += trip();
                events_.push(event);
            } else {
                happens(event);
            }
        }
    }
    Tally tally;

  private:
    void happens(const Event& event) {
        const std::size_t g = event.gateway;
        Lease& lease = leases_[g];
        const Instant now = kBegin + microseconds(event.at_us);
        if (event.of == Event::Of::arrival) {
            ++tally.requests;
            result(lease.take(now, kGateways), g, event.at_us);
            events_.push({event.at_us + pause(g, event.at_us), Event::Of::arrival, g});
        } else if (event.of == Event::Of::answer) {
            lease.answered(event.answer, now);
            for (std::uint32_t n = std::exchange(waiting_[g], 0); n > 0; --n) {
                result(lease.take_again(now, kGateways), g, event.at_us);
            }
        } else {
            events_.push({event.at_us + 2'000, Event::Of::timer, g});
        }
        if (const auto ask = lease.ask(now)) {
            ++tally.calls;
            events_.push({event.at_us + trip(), Event::Of::store, g, *ask});
        }
    }
    void result(const Lease::Taken& taken, std::size_t g, std::int64_t at_us) {
        if (taken.is == Is::waiting) {
            ++waiting_[g];
            ++tally.waited;
        } else if (taken.is == Is::admitted) {
            const std::int64_t window = microseconds(traffic_.quota.window()).count();
            while (!tally.admitted.empty() && tally.admitted.front() <= at_us - window) {
                tally.admitted.pop_front();
            }
            tally.admitted.push_back(at_us);
            tally.most = std::max(tally.most, tally.admitted.size());
            tally.steady += at_us >= 2 * window ? 1 : 0;
        }
    }
    std::int64_t trip() { return static_cast<std::int64_t>(100 + random_.below(900)); }
    std::int64_t pause(std::size_t g, std::int64_t at_us) {
        double rate = traffic_.per_second * traffic_.part[g];
        if (traffic_.bursts) {
            rate *= at_us / 300'000 % 4 == static_cast<std::int64_t>(g) ? 3 : 0.3;
        }
        return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2e6 / rate) + 1));
    }

    ScriptBench& bench_;
    Traffic traffic_;
    Random random_;
    std::string key_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::array<Lease, kGateways> leases_{Lease(traffic_.quota), Lease(traffic_.quota),
                                         Lease(traffic_.quota), Lease(traffic_.quota)};
    std::array<std::uint32_t, kGateways> waiting_{};
};

net::Task<void> keeps_the_limit(ScriptBench& b) {
    const std::array<Traffic, 6> traffics{{
        {.per_second = 10'000},
        {.per_second = 12'000},
        {.per_second = 30'000},
        {.per_second = 12'000, .part = {0.85, 0.05, 0.05, 0.05}},
        {.per_second = 15'000, .bursts = true},
        {.quota = Quota(600, Millis{2'000}), .per_second = 900, .seconds = 12},
    }};
    for (std::uint64_t seed = 1; seed <= 2 * traffics.size(); ++seed) {
        const Traffic& traffic = traffics[seed % traffics.size()];
        Fleet fleet(b, traffic, seed);
        co_await fleet.run();
        const Tally& tally = fleet.tally;
        const double limit = traffic.quota.limit();
        const double windows =
            traffic.seconds * 1e3 / static_cast<double>(traffic.quota.window().count()) - 2;
        const double used = static_cast<double>(tally.steady) / (windows * limit);
        const double calls = static_cast<double>(tally.calls) / static_cast<double>(tally.requests);
        std::printf("seed %2lu: most %6zu of %6.0f, used %.4f, calls %.4f, waited %lu of %lu\n",
                    seed, tally.most, limit, used, calls, tally.waited, tally.requests);
        EXPECT_LE(static_cast<double>(tally.most), 1.01 * limit) << "seed " << seed;
        EXPECT_GE(used, traffic.per_second > limit * 1.1 ? 0.95 : 0.94) << "seed " << seed;
        if (traffic.quota.limit() == 10'000) {
            EXPECT_LE(calls, 0.02) << "seed " << seed;
            EXPECT_LE(tally.waited, tally.requests / 100) << "seed " << seed;
        }
    }
}

TEST(LeaseSimulation, KeepsTheLimitOfAFleetWithFewCalls) {
    if (!state::redis_is_installed()) {
        leave_out("redis-server");
        return;
    }
    ScriptBench().run(keeps_the_limit);
}

}  // namespace
}  // namespace gw::limits
