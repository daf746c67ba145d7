#include "net/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace gw::net {
namespace {

const Instant kStart{std::chrono::hours(1)};

struct Recorder : Timer {
    Recorder() : Timer([](Timer& t) { ++static_cast<Recorder&>(t).fired; }) {}
    int fired = 0;
};

TEST(TimerWheel, FiresOnceWhenDueAndNeverEarly) {
    TimerWheel wheel(kStart);
    Recorder timer;
    wheel.arm(timer, kStart + Millis{95});
    wheel.advance(kStart + Millis{94});
    EXPECT_EQ(timer.fired, 0);
    wheel.advance(kStart + Millis{95} + TimerWheel::kTick);
    EXPECT_EQ(timer.fired, 1);
    wheel.advance(kStart + Millis{5'000});
    EXPECT_EQ(timer.fired, 1);
    EXPECT_FALSE(timer.armed());
}

TEST(TimerWheel, AimedLaterItMovesOnAndAimedEarlierItComesSooner) {
    TimerWheel wheel(kStart);
    Recorder later;
    Recorder sooner;
    wheel.arm(later, kStart + Millis{100});
    wheel.arm(later, kStart + Millis{900});
    wheel.arm(sooner, kStart + Millis{900});
    wheel.arm(sooner, kStart + Millis{100});
    wheel.advance(kStart + Millis{500});
    EXPECT_EQ(later.fired, 0);
    EXPECT_EQ(sooner.fired, 1);
    wheel.advance(kStart + Millis{950});
    EXPECT_EQ(later.fired, 1);
}

TEST(TimerWheel, DisarmedOrDestroyedItNeverFires) {
    TimerWheel wheel(kStart);
    Recorder disarmed;
    wheel.arm(disarmed, kStart + Millis{50});
    {
        Recorder gone;
        wheel.arm(gone, kStart + Millis{50});
    }
    disarmed.disarm();
    wheel.advance(kStart + Millis{20'000});
    EXPECT_EQ(disarmed.fired, 0);
    EXPECT_EQ(wheel.next(), kNever);
}

TEST(TimerWheel, HoldsTimersOfMoreThanOneTurn) {
    TimerWheel wheel(kStart);
    Recorder timer;
    wheel.arm(timer, kStart + Millis{75'000});
    for (int s = 1; s < 75; ++s) {
        wheel.advance(kStart + std::chrono::seconds(s));
        ASSERT_EQ(timer.fired, 0) << s;
    }
    wheel.advance(kStart + Millis{75'020});
    EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, AFiredTimerMayArmAndDestroyOthers) {
    struct Killer : Timer {
        Killer(TimerWheel& w, std::unique_ptr<Recorder>& v)
            : Timer([](Timer& t) {
                  auto& self = static_cast<Killer&>(t);
                  self.victim.reset();
                  if (++self.fired == 1) {
                      self.wheel.arm(self, kStart + Millis{200});
                  }
              }),
              wheel(w),
              victim(v) {}
        TimerWheel& wheel;
        std::unique_ptr<Recorder>& victim;
        int fired = 0;
    };
    TimerWheel wheel(kStart);
    auto victim = std::make_unique<Recorder>();
    Killer killer(wheel, victim);
    wheel.arm(killer, kStart + Millis{50});
    wheel.arm(*victim, kStart + Millis{50});
    wheel.advance(kStart + Millis{100});
    EXPECT_EQ(killer.fired, 1);
    wheel.advance(kStart + Millis{300});
    EXPECT_EQ(killer.fired, 2);
}

TEST(TimerWheel, NextIsNeverMoreThanATickBehindTheEarliestTimer) {
    std::mt19937 random(7);
    TimerWheel wheel(kStart);
    std::deque<Recorder> timers(50);
    std::vector<Instant> due(timers.size(), kNever);
    Instant now = kStart;
    for (int round = 0; round < 20'000; ++round) {
        const std::size_t i = random() % timers.size();
        due[i] = now + Millis{random() % 30'000};
        wheel.arm(timers[i], due[i]);
        now += Millis{random() % 40};
        wheel.advance(now);
        for (std::size_t k = 0; k < timers.size(); ++k) {
            if (timers[k].fired > 0) {
                ASSERT_LE(due[k], now);
                ASSERT_EQ(timers[k].fired, 1);
                timers[k].fired = 0;
                due[k] = kNever;
            } else if (due[k] != kNever) {
                ASSERT_GT(due[k] + 2 * TimerWheel::kTick, now);
                ASSERT_LE(wheel.next(), due[k] + 2 * TimerWheel::kTick);
            }
        }
    }
}

}  // namespace
}  // namespace gw::net
