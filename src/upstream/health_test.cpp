#include "upstream/health.hpp"

#include <gtest/gtest.h>

namespace gw::upstream {
namespace {

using std::chrono::seconds;

constexpr Instant kBegin{std::chrono::hours(1'000)};

class HealthTest : public testing::Test {
  protected:
    explicit HealthTest(std::size_t count = 4) { join(count); }
    void join(std::size_t count) {
        ids.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            ids[i] = i + 1;
        }
        health.set_endpoints(ids, now);
    }
    void fail(std::uint64_t id, int times = 5) {
        for (int i = 0; i < times; ++i) {
            health.failed(id, now);
        }
    }
    // The weights, 0 for what cannot be used; nothing: all are asked.
    std::vector<std::uint32_t> weights() {
        std::vector<EndpointView> views;
        for (const std::uint64_t id : ids) {
            views.push_back({.id = id});
        }
        if (!health.apply(views, now)) {
            return {};
        }
        std::vector<std::uint32_t> found;
        for (const EndpointView& view : views) {
            found.push_back(view.usable ? view.weight : 0);
        }
        return found;
    }
    using Weights = std::vector<std::uint32_t>;

    Instant now = kBegin;
    std::vector<std::uint64_t> ids;
    ServiceHealth health{HealthOptions{}};
};

TEST_F(HealthTest, LeavesOutWhatFailsSeveralTimesInARow) {
    fail(2, 4);
    health.succeeded(2, now);
    fail(2, 4);
    EXPECT_EQ(weights(), (Weights{1'000, 1'000, 1'000, 1'000}));
    fail(2, 1);
    EXPECT_EQ(weights(), (Weights{1'000, 0, 1'000, 1'000}));
}

TEST_F(HealthTest, LetsItComeBackSlowlyAndOneFailureSuffices) {
    fail(2);
    now += seconds(10);
    EXPECT_EQ(weights()[1], 100U);
    now += seconds(5);
    EXPECT_EQ(weights()[1], 500U);
    fail(2, 1);
    EXPECT_EQ(weights()[1], 0U);
    now += seconds(19);
    EXPECT_EQ(weights()[1], 0U);
    now += seconds(1);
    EXPECT_EQ(weights()[1], 100U);
    health.succeeded(2, now);
    fail(2, 4);
    now += seconds(10);
    EXPECT_EQ(weights()[1], 1'000U);
}

TEST_F(HealthTest, LeavesItOutLongerEachTimeAndForgives) {
    for (int i = 1; i <= 40; ++i) {
        fail(1);
        const seconds left_out(std::min(10 * i, 300));
        EXPECT_TRUE(health.is_ejected(1, now + left_out - Millis(1)));
        EXPECT_FALSE(health.is_ejected(1, now + left_out));
        now += left_out;
    }
    now += std::chrono::hours(1);
    fail(1);
    EXPECT_FALSE(health.is_ejected(1, now + seconds(10)));
}

TEST_F(HealthTest, DoesNotCountWhatComesWhileItIsLeftOut) {
    fail(1);
    fail(1, 100);
    health.succeeded(1, now);
    now += seconds(10);
    EXPECT_FALSE(health.is_ejected(1, now));
    fail(1, 1);
    EXPECT_FALSE(health.is_ejected(1, now + seconds(20)));
}

TEST_F(HealthTest, LeavesOutNoMoreThanTheShare) {
    for (std::uint64_t id = 1; id <= 4; ++id) {
        fail(id);
    }
    EXPECT_EQ(weights(), (Weights{0, 0, 1'000, 1'000}));
    // As soon as there is room again, one more failure suffices.
    now += seconds(10);
    fail(3, 1);
    EXPECT_EQ(weights(), (Weights{100, 100, 0, 1'000}));
}

TEST_F(HealthTest, NeverLeavesOutTheOnlyOneButAlwaysOneOfTwo) {
    join(1);
    fail(1);
    EXPECT_EQ(weights(), (Weights{1'000}));
    health.configure({.ejected_share_max = 10});
    join(2);
    fail(1);
    EXPECT_TRUE(health.is_ejected(1, now));
    health.configure({.ejected_share_max = 0});
    join(3);
    fail(2);
    EXPECT_FALSE(health.is_ejected(2, now));
}

TEST_F(HealthTest, AsksAllWhereTooFewAreWell) {
    health.checked(1, false, now);
    health.checked(2, false, now);
    EXPECT_EQ(weights(), (Weights{0, 0, 1'000, 1'000}));
    health.checked(3, false, now);
    EXPECT_EQ(weights(), Weights{});
    health.configure({.panic_threshold = 0});
    EXPECT_EQ(weights(), (Weights{0, 0, 0, 1'000}));
    health.checked(4, false, now);
    EXPECT_EQ(weights(), Weights{});
}

TEST_F(HealthTest, BeginsSlowlyWithWhatJoinsTheOthersAndForgetsWhatLeaves) {
    fail(1);
    ids = {2, 1, 9};
    health.set_endpoints(ids, now);
    EXPECT_EQ(weights(), (Weights{1'000, 0, 100}));
    ids = {2, 9};
    health.set_endpoints(ids, now);
    health.failed(1, now);
    ids = {1, 2, 9};
    now += seconds(4);
    health.set_endpoints(ids, now);
    EXPECT_EQ(weights(), (Weights{100, 1'000, 400}));
}

TEST_F(HealthTest, BelievesAnActiveCheck) {
    fail(1);
    health.checked(1, true, now);
    EXPECT_EQ(weights()[0], 100U);
    health.checked(1, false, now);
    now += std::chrono::hours(1);
    EXPECT_EQ(weights()[0], 0U);
    health.checked(1, true, now);
    now += seconds(10);
    EXPECT_EQ(weights()[0], 1'000U);
    // Well all the time: nothing begins anew.
    health.checked(1, true, now);
    EXPECT_EQ(weights()[0], 1'000U);
}

TEST(ActiveCheck, BelievesTheFirstCheckAndThenSeveralInARow) {
    const CheckOptions options;
    ActiveCheck check;
    EXPECT_TRUE(check.well());
    EXPECT_TRUE(check.report(options, false));
    EXPECT_FALSE(check.well());
    EXPECT_FALSE(check.report(options, true));
    EXPECT_FALSE(check.report(options, false));
    EXPECT_FALSE(check.report(options, true));
    EXPECT_TRUE(check.report(options, true));
    EXPECT_TRUE(check.well());
    EXPECT_FALSE(check.report(options, false));
    EXPECT_FALSE(check.report(options, false));
    EXPECT_FALSE(check.report(options, true));
    EXPECT_FALSE(check.report(options, false));
    EXPECT_FALSE(check.report(options, false));
    EXPECT_TRUE(check.report(options, false));
}

TEST(ActiveCheck, ComesAtItsIntervalButNotWithTheOthers) {
    Random random(3);
    const CheckOptions options;
    Instant earliest = kNever;
    Instant latest{};
    for (int i = 0; i < 200; ++i) {
        ActiveCheck check;
        const Instant first = check.next(options, random, kBegin);
        earliest = std::min(earliest, first);
        latest = std::max(latest, first);
        const Instant::duration gap = check.next(options, random, first) - first;
        EXPECT_GE(gap, Millis(4'500));
        EXPECT_LE(gap, Millis(5'500));
    }
    EXPECT_LT(earliest - kBegin, Millis(200));
    EXPECT_GT(latest - kBegin, Millis(4'800));
}

// A service of which some endpoints break for a while, asked through the balancer: few requests go
// to what is broken, never too many are left out, and when all work all are used in full.
class HealthSim {
  public:
    explicit HealthSim(std::uint64_t seed)
        : random_(seed), balancer_({}, seed), ids_(2 + random_.below(9)), broken_(ids_.size()) {
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            ids_[i] = random_.next();
        }
        health_.set_endpoints(ids_, now_);
    }

    // Breaks less than half, so that the others can carry it.
    void break_some() {
        for (std::size_t left = random_.below((ids_.size() + 1) / 2); left > 0; --left) {
            broken_[random_.below(ids_.size())] = true;
        }
    }
    void heal() { broken_.assign(ids_.size(), false); }
    [[nodiscard]] std::ptrdiff_t broken() const { return std::ranges::count(broken_, true); }

    // How many of so many requests failed.
    int ask(int times) {
        int failures = 0;
        for (int i = 0; i < times; ++i) {
            now_ += Millis(static_cast<std::int64_t>(random_.below(20)));
            views_ = look();
            const std::size_t index = balancer_.pick(views_, 0).value_or(0);
            if (broken_[index]) {
                ++failures;
                health_.failed(ids_[index], now_);
            } else {
                health_.succeeded(ids_[index], now_);
            }
            const auto ejected = std::ranges::count_if(
                ids_, [&](std::uint64_t id) { return health_.is_ejected(id, now_); });
            EXPECT_LE(ejected * 2, static_cast<std::ptrdiff_t>(ids_.size()));
        }
        return failures;
    }
    [[nodiscard]] bool in_full_use() {
        return std::ranges::all_of(
            look(), [](const EndpointView& view) { return view.usable && view.weight == 1'000; });
    }
    void wait(Instant::duration time) { now_ += time; }

  private:
    std::vector<EndpointView> look() {
        std::vector<EndpointView> views;
        for (const std::uint64_t id : ids_) {
            views.push_back({.id = id});
        }
        health_.apply(views, now_);
        return views;
    }

    Random random_;
    Balancer balancer_;
    ServiceHealth health_{HealthOptions{}};
    Instant now_ = kBegin;
    std::vector<std::uint64_t> ids_;
    std::vector<bool> broken_;
    std::vector<EndpointView> views_;
};

TEST(HealthSim, AsksFewOfWhatIsBrokenAndAllAgainAfterwards) {
    for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
        SCOPED_TRACE(seed);
        HealthSim sim(seed);
        sim.ask(100);
        sim.break_some();
        const int failures = sim.ask(2'000);
        // Five to find each out, then one each time that it comes back in these 20 seconds.
        ASSERT_LE(failures, 7 * sim.broken());
        sim.heal();
        sim.wait(seconds(320));
        ASSERT_TRUE(sim.in_full_use());
        ASSERT_EQ(sim.ask(500), 0);
    }
}

}  // namespace
}  // namespace gw::upstream
