#include "upstream/adaptive_limit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <queue>

namespace gw::upstream {
namespace {

using std::chrono::seconds;

constexpr Instant kBegin{std::chrono::hours(1'000)};
constexpr Millis kAlone{20};

// The clock on the wall of a simulation.
Clock at(Instant now) {
    return {.now = now, .wall = WallTime(now.time_since_epoch())};
}

// A service that works on so many requests at once; those beyond wait in it. It is asked as much as
// the limit allows, or as there are clients.
class Work {
  public:
    Work(std::uint64_t seed, std::uint32_t capacity)
        : random_(seed), limit({.least = 4, .most = 1'000}, seed), capacity_(capacity) {}

    void run(Instant::duration time, std::uint32_t clients) {
        const Instant end = now + time;
        while (now < end) {
            while (ends_.size() < std::min(clients, limit.value())) {
                begin();
            }
            const Request next = ends_.top();
            now = std::max(now, next.end);
            limit.sample(next.end - next.began, false, static_cast<std::uint32_t>(ends_.size()),
                         at(now));
            ends_.pop();
            ++done;
        }
    }
    // The limit, also where it is being measured with less.
    std::uint32_t settled(std::uint32_t clients) {
        std::uint32_t most = 0;
        for (int i = 0; i < 6; ++i) {
            run(Millis(500), clients);
            most = std::max(most, limit.value());
        }
        return most;
    }
    void set_capacity(std::uint32_t capacity) { capacity_ = capacity; }

    Random random_;
    AdaptiveLimit limit;
    Instant now = kBegin;
    std::uint64_t done = 0;

  private:
    struct Request {
        Instant end;
        Instant began;
        bool operator<(const Request& other) const { return end > other.end; }
    };
    void begin() {
        // Each of the capacity's servers takes the next when it is free.
        free_.resize(capacity_, now);
        const auto server = std::ranges::min_element(free_);
        const auto noise = static_cast<std::int64_t>(random_.below(8'000'000));
        *server = std::max(now, *server) + kAlone - Millis(4) + std::chrono::nanoseconds(noise);
        ends_.push({*server, now});
    }

    std::uint32_t capacity_;
    std::vector<Instant> free_;
    std::priority_queue<Request> ends_;
};

TEST(AdaptiveLimit, FindsWhatTheServiceCanDoAndFollowsIt) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE(seed);
        Work work(seed, 50);
        std::uint32_t limit = 0;
        work.run(seconds(120), 5'000);
        limit = work.settled(5'000);
        EXPECT_GE(limit, 40U);
        EXPECT_LE(limit, 60U);
        // Nothing is lost for it: at least nine tenths of what the service can do.
        const std::uint64_t before = work.done;
        work.run(seconds(60), 5'000);
        EXPECT_GE(static_cast<double>(work.done - before), 0.9 * 60 * 50 * 50);
        work.set_capacity(10);
        work.run(seconds(120), 5'000);
        limit = work.settled(5'000);
        EXPECT_LE(limit, 13U);
        EXPECT_GE(limit, 8U);
        work.set_capacity(100);
        work.run(seconds(120), 5'000);
        limit = work.settled(5'000);
        EXPECT_GE(limit, 80U);
        EXPECT_LE(limit, 120U);
    }
}

TEST(AdaptiveLimit, StaysWhereNobodyComesNearIt) {
    Work work(1, 500);
    const std::uint32_t before = work.limit.value();
    work.run(seconds(60), 10);
    EXPECT_EQ(work.limit.value(), before);
}

TEST(AdaptiveLimit, ShrinksToItsLeastWhileTheServiceIsOverloadedAndGrowsAgain) {
    Work work(1, 100);
    work.run(seconds(10), 5'000);
    for (int i = 0; i < 2'000; ++i) {
        work.now += Millis(50);
        work.limit.sample(Millis(1), true, 100, at(work.now));
    }
    EXPECT_EQ(work.limit.value(), 4U);
    work.run(seconds(120), 5'000);
    EXPECT_GE(work.limit.value(), 80U);
}

TEST(AdaptiveLimit, AFailureInAThousandIsNoOverload) {
    Work work(1, 100);
    work.run(seconds(60), 5'000);
    for (int i = 0; i < 200; ++i) {
        work.run(Millis(200), 5'000);  // about a thousand answers
        work.limit.sample(Millis(1), true, 100, at(work.now));
    }
    EXPECT_GE(work.settled(5'000), 80U);
}

TEST(AdaptiveLimit, ANeverAnsweringServiceLeavesItsLeastAndMore) {
    AdaptiveLimit limit({.least = 0, .most = 100}, 1);
    Instant now = kBegin;
    for (int i = 0; i < 1'000; ++i) {
        now += seconds(1);
        limit.sample(seconds(5), true, 1, at(now));
        ASSERT_GE(limit.value(), 1U);
    }
    EXPECT_EQ(limit.value(), 1U);
}

TEST(AdaptiveLimit, LearnsNothingFromATimeThatCannotBe) {
    AdaptiveLimit limit({.least = 8, .most = 100}, 1);
    const std::uint32_t before = limit.value();
    Instant now = kBegin;
    for (int i = 0; i < 1'000; ++i) {
        now += Millis(10);
        limit.sample(-std::chrono::hours(1), false, 100, at(now));
        ASSERT_EQ(limit.value(), before);
    }
}

TEST(AdaptiveLimit, KeepsItsBounds) {
    AdaptiveLimit limit({.least = 8, .most = 100}, 1);
    EXPECT_EQ(limit.value(), 25U);
    Instant now = kBegin;
    for (int i = 0; i < 10'000; ++i) {
        now += Millis(10);
        limit.sample(Millis(5), false, 100, at(now));
    }
    EXPECT_LE(limit.value(), 100U);
    limit.configure({.least = 8, .most = 10});
    EXPECT_LE(limit.value(), 10U);
    limit.configure({.least = 50, .most = 20});
    EXPECT_EQ(limit.value(), 20U);
}

}  // namespace
}  // namespace gw::upstream
