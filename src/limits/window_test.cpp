#include "limits/window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "base/random.hpp"

namespace gw::limits {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant kBegin{hours(1'000)};
constexpr Millis kMinute{60'000};

// Two ticks: what is admitted leaves so much late at most.
Instant::duration late(const Quota& quota) {
    return std::chrono::nanoseconds(quota.window()) / 8'192 + std::chrono::nanoseconds(2);
}

// Everything that was admitted, and when: what the guarantee is about.
struct Log {
    std::deque<Instant> admitted;

    [[nodiscard]] std::size_t after(Instant when) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(admitted, [when](Instant at) { return at > when; }));
    }
    void drop_until(Instant when) {
        while (!admitted.empty() && admitted.front() <= when) {
            admitted.pop_front();
        }
    }
};

TEST(Window, AdmitsTheLimitAndSaysWhenTheNextComes) {
    const Quota quota(3, kMinute);
    Window window{};
    for (std::uint32_t i = 0; i < 3; ++i) {
        const Outcome out = window.take(quota, kBegin + seconds(i));
        EXPECT_TRUE(out.admitted);
        EXPECT_EQ(out.remaining, 2 - i);
        EXPECT_EQ(out.limit, 3U);
    }
    const Outcome refused = window.take(quota, kBegin + seconds(10));
    EXPECT_FALSE(refused.admitted);
    EXPECT_FALSE(refused.blocked);
    EXPECT_GE(refused.retry_after, seconds(50));
    EXPECT_LE(refused.retry_after, seconds(50) + late(quota));
    EXPECT_GE(refused.reset, seconds(52));
    EXPECT_LE(refused.reset, seconds(52) + late(quota));
    const Instant next = kBegin + seconds(10) + refused.retry_after;
    EXPECT_FALSE(window.look(quota, next - std::chrono::nanoseconds(1)).admitted);
    EXPECT_TRUE(window.look(quota, next).admitted);
    EXPECT_TRUE(window.take(quota, next).admitted);
    EXPECT_FALSE(window.take(quota, next).admitted);
}

TEST(Window, RefusesForAsLongAsTheBlockLasts) {
    const Quota quota(5, kMinute, minutes(5));
    Window window{};
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(window.take(quota, kBegin).admitted);
    }
    const Outcome first = window.take(quota, kBegin + seconds(1));
    EXPECT_TRUE(first.blocked);
    EXPECT_TRUE(first.block_began);
    EXPECT_EQ(window.load(), Window::kBlocked);
    const Outcome later = window.take(quota, kBegin + minutes(4));
    EXPECT_TRUE(later.blocked);
    EXPECT_FALSE(later.block_began);
    EXPECT_FALSE(window.is_over(kBegin + minutes(4)));
    const Instant end = kBegin + minutes(4) + later.retry_after;
    EXPECT_GE(end, kBegin + seconds(301));
    EXPECT_LE(end, kBegin + seconds(302));
    EXPECT_FALSE(window.take(quota, end - Millis{1}).admitted);
    EXPECT_TRUE(window.take(quota, end).admitted);
    EXPECT_EQ(window.look(quota, end).remaining, 3U);
}

TEST(Window, KeepsWhatIsInTheWindowThroughAShortBlock) {
    const Quota quota(2, kMinute, seconds(5));
    Window window{};
    EXPECT_TRUE(window.take(quota, kBegin).admitted);
    EXPECT_TRUE(window.take(quota, kBegin + seconds(30)).admitted);
    const Outcome refused = window.take(quota, kBegin + seconds(31));
    EXPECT_TRUE(refused.block_began);
    EXPECT_GE(refused.retry_after, seconds(29));
    const Instant next = kBegin + seconds(31) + refused.retry_after;
    EXPECT_TRUE(window.take(quota, next).admitted);
    EXPECT_FALSE(window.take(quota, next).admitted);
}

TEST(Window, GivesBackWhatDidNotCount) {
    const Quota quota(5, hours(1));
    Window window{};
    Instant now = kBegin;
    for (int i = 0; i < 1'000; ++i) {
        now += seconds(2);
        EXPECT_TRUE(window.take(quota, now).admitted) << i;
        window.give_back(quota, now, now + seconds(1));
    }
    EXPECT_EQ(window.look(quota, now + seconds(1)).remaining, 4U);
    // Of several the one that is meant: the others leave at their own times.
    Window other{};
    EXPECT_TRUE(other.take(quota, kBegin).admitted);
    EXPECT_TRUE(other.take(quota, kBegin + minutes(50)).admitted);
    other.give_back(quota, kBegin, kBegin + minutes(51));
    EXPECT_EQ(other.look(quota, kBegin + minutes(61)).remaining, 3U);
    // What has left the window is not given back again.
    other.give_back(quota, kBegin, kBegin + minutes(62));
    EXPECT_EQ(other.look(quota, kBegin + minutes(62)).remaining, 3U);
}

TEST(Window, CountsWhatWasAdmittedElsewhereAndBlocksForNothingOfIt) {
    const Quota quota(3, kMinute, minutes(5));
    Window window{};
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(window.count(quota, kBegin + seconds(i)));
    }
    EXPECT_FALSE(window.count(quota, kBegin + seconds(3)));
    const Outcome refused = window.look(quota, kBegin + seconds(4));
    EXPECT_FALSE(refused.admitted);
    EXPECT_TRUE(refused.block_began) << "with this request";
    EXPECT_TRUE(window.take(quota, kBegin + seconds(61)).admitted);
}

TEST(Window, IsBlockedForTheRestOfABlockThatBeganElsewhere) {
    const Quota quota(3, kMinute, minutes(5));
    Window window{};
    window.block_for(quota, seconds(100), kBegin);
    window.block_for(quota, seconds(90), kBegin + seconds(10));
    EXPECT_FALSE(window.count(quota, kBegin + seconds(20)));
    const Outcome refused = window.take(quota, kBegin + seconds(99));
    EXPECT_TRUE(refused.blocked);
    EXPECT_FALSE(refused.block_began);
    EXPECT_GE(refused.retry_after, seconds(1));
    EXPECT_LE(refused.retry_after, seconds(1) + late(quota));
    EXPECT_TRUE(window.take(quota, kBegin + seconds(100) + late(quota)).admitted);
    Window without{};
    without.block_for(Quota(3, kMinute), seconds(100), kBegin);
    EXPECT_TRUE(without.take(Quota(3, kMinute), kBegin).admitted);
}

TEST(Window, TakesATimeThatGoesBackForTheLatest) {
    const Quota quota(1, kMinute);
    Window window{};
    EXPECT_TRUE(window.take(quota, kBegin).admitted);
    EXPECT_FALSE(window.take(quota, kBegin - Millis{5}).admitted);
    EXPECT_FALSE(window.take(quota, kBegin + seconds(59)).admitted);
    EXPECT_TRUE(window.take(quota, kBegin + seconds(61)).admitted);
}

TEST(Window, CountsTheLatestOfWhatWasAdmittedBeyondItsLimit) {
    const Quota quota(5, kMinute);
    Window window{};
    for (int i = 0; i < 7; ++i) {
        window.put(quota, kBegin + seconds(i));
        EXPECT_EQ(window.look(quota, kBegin + seconds(i)).admitted, i < 4);
    }
    // All but the last two have left.
    const Instant later = kBegin + seconds(4) + kMinute + late(quota);
    EXPECT_EQ(window.take(quota, later).remaining, 2U);
}

TEST(Window, ForgetsAfterAnyPause) {
    const Quota quota(100, seconds(1), seconds(2));
    for (std::uint64_t pause_s : {4ULL, 5ULL, 262'144ULL, 262'145ULL, 131'072ULL, 10'000'000ULL}) {
        Window window{};
        for (int i = 0; i < 101; ++i) {
            window.take(quota, kBegin);
        }
        EXPECT_TRUE(window.take(quota, kBegin + seconds(pause_s)).admitted) << pause_s;
        EXPECT_EQ(window.look(quota, kBegin + seconds(pause_s)).remaining, 98U) << pause_s;
    }
}

TEST(Window, KeepsItsNumbersAtTheLargestQuota) {
    const Quota quota(2'000'000, hours(24 * 60), hours(24));
    EXPECT_EQ(quota.limit(), Quota::kLimitMax);
    Window window{};
    std::uint32_t admitted = 0;
    for (std::uint32_t i = 0; i < Quota::kLimitMax + 10; ++i) {
        admitted += window.take(quota, kBegin + Millis{i}).admitted ? 1 : 0;
    }
    EXPECT_EQ(admitted, Quota::kLimitMax);
    EXPECT_TRUE(window.look(quota, kBegin + hours(11)).blocked);
}

// Schedules of bursts, pauses and steady traffic, with permits given back now and then.
struct Schedule {
    explicit Schedule(std::uint64_t seed) : random(seed) {}

    Instant::duration pause(const Quota& quota) {
        const auto window = static_cast<std::uint64_t>(quota.window().count()) * 1'000;
        if (random.below(30) == 0) {
            kind = random.below(4);
            steady = 1 + random.below(4 * window / quota.limit());
        }
        const std::uint64_t us = kind == 0   ? 0
                                 : kind == 1 ? steady
                                 : kind == 2 ? random.below(1 + 2 * steady)
                                             : random.below(window / 4);
        return std::chrono::microseconds(us);
    }
    Random random;
    std::uint64_t kind = 0;
    std::uint64_t steady = 1;
};

std::uint32_t some_limit(Random& random) {
    const std::uint32_t size = random.below(3) == 0 ? 400 : random.below(2) == 0 ? 60 : 8;
    return static_cast<std::uint32_t>(1 + random.below(size));
}

TEST(WindowSimulation, NeverAdmitsMoreThanTheLimitInAnyWindow) {
    for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
        Schedule schedule(seed);
        const Quota quota(some_limit(schedule.random),
                          Millis(static_cast<std::int64_t>(1'000 + schedule.random.below(100'000))),
                          schedule.random.below(3) == 0 ? seconds(7) : seconds(0));
        const std::uint32_t group = (quota.limit() + 19) / 20;
        Window window{};
        Log log;
        Instant now = kBegin + Millis(static_cast<std::int64_t>(schedule.random.below(1'000'000)));
        Instant blocked_until{};
        for (int step = 0; step < 1'500; ++step) {
            now += schedule.pause(quota);
            log.drop_until(now - 2 * quota.window());
            const Outcome out = window.take(quota, now);
            if (out.admitted) {
                log.admitted.push_back(now);
                ASSERT_LE(log.after(now - quota.window()), quota.limit())
                    << "seed " << seed << " step " << step;
                ASSERT_GE(now, blocked_until) << "seed " << seed << " step " << step;
            } else {
                ASSERT_TRUE(out.blocked ||
                            log.after(now - quota.window() - late(quota)) + group > quota.limit())
                    << "seed " << seed << " step " << step;
                ASSERT_GT(out.retry_after.count(), 0) << "seed " << seed << " step " << step;
                Window ahead = window;
                ASSERT_TRUE(ahead.take(quota, now + out.retry_after).admitted)
                    << "seed " << seed << " step " << step;
            }
            if (out.block_began) {
                blocked_until = now + quota.block();
            }
        }
    }
}

TEST(WindowSimulation, CountsEverythingThatWasNotGivenBack) {
    for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
        Schedule schedule(seed);
        const Quota quota(some_limit(schedule.random), Millis{10'000});
        Window window{};
        Log log;
        Instant now = kBegin;
        for (int step = 0; step < 1'500; ++step) {
            now += schedule.pause(quota);
            log.drop_until(now - 2 * quota.window());
            if (schedule.random.below(3) == 0 && !log.admitted.empty()) {
                // Mostly the latest, as responses come; now and then an old one.
                const std::uint64_t back = schedule.random.below(
                    schedule.random.below(10) == 0 ? log.admitted.size()
                                                   : std::min(log.admitted.size(), 3UL));
                const auto at = log.admitted.end() - 1 - static_cast<std::ptrdiff_t>(back);
                if (*at > now - quota.window()) {
                    window.give_back(quota, *at, now);
                    log.admitted.erase(at);
                }
                continue;
            }
            if (window.take(quota, now).admitted) {
                log.admitted.push_back(now);
                ASSERT_LE(log.after(now - quota.window()), quota.limit())
                    << "seed " << seed << " step " << step;
            }
        }
    }
}

// A window that remembers each admission, as the measure of what could be admitted.
struct Exact {
    explicit Exact(const Quota& q) : quota(q) {}
    bool take(Instant now) {
        log.drop_until(now - quota.window());
        const bool admitted = log.admitted.size() < quota.limit();
        if (admitted) {
            log.admitted.push_back(now);
        }
        return admitted;
    }
    Quota quota;
    Log log;
};

TEST(WindowSimulation, AdmitsNearlyAsMuchAsOneThatRemembersEverything) {
    Random random(1);
    for (const std::uint32_t limit : {1U, 7U, 20U, 21U, 100U, 999U, 10'000U}) {
        for (const std::uint64_t tenths : {8ULL, 11ULL, 20ULL, 50ULL}) {  // of the limit
            const Quota quota(limit, Millis{10'000});
            Window window{};
            Exact exact(quota);
            const std::uint64_t pause_ns = 100'000'000'000 / limit / tenths;
            std::uint64_t admitted = 0;
            std::uint64_t possible = 0;
            const Instant end = kBegin + std::max(20U, 2'000 / limit) * quota.window();
            for (Instant now = kBegin; now < end;) {
                now += std::chrono::nanoseconds(random.below(2 * pause_ns));
                admitted += window.take(quota, now).admitted ? 1 : 0;
                possible += exact.take(now) ? 1 : 0;
            }
            EXPECT_GE(static_cast<double>(admitted), 0.95 * static_cast<double>(possible))
                << limit << " at " << tenths;
        }
    }
}

}  // namespace
}  // namespace gw::limits
