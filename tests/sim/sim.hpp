// A world that a seed decides: a virtual clock, a network between machines, and faults from one
// list. What decides in the product runs in it unchanged; what it must keep is asked after every
// step.
//
//     sim --seeds 10000              each scenario with each seed
//     sim --seed 4711 limits         one again, as a failure says
//     sim --canaries                 each scenario with a mistake in its model: all must fail
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace gw::sim {

using std::chrono::microseconds;
using std::chrono::seconds;

// A promise that was broken.
struct Broken {
    std::string what;
};
inline void require(bool kept, const char* what) {
    if (!kept) {
        throw Broken{what};
    }
}
inline void require(bool kept, const std::string& what) {
    if (!kept) {
        throw Broken{what};
    }
}

// How often each thing goes wrong in this world. Some worlds are calm.
struct Faults {
    std::uint32_t loss_percent = 0;      // of messages
    std::uint32_t delay_max_us = 1'000;  // messages overtake each other by it
    std::uint32_t late_percent = 0;      // of messages, by a hundred times as long
    Millis partition_every{0};           // zero: never
    Millis crash_every{0};
    std::uint32_t clock_jump_us = 0;  // backwards, as between threads

    static Faults drawn(Random& random) {
        Faults faults;
        const auto often = [&random](std::uint64_t chances) { return random.below(chances) == 0; };
        faults.loss_percent = often(2) ? static_cast<std::uint32_t>(random.below(20)) : 0;
        faults.delay_max_us = static_cast<std::uint32_t>(200 + random.below(5'000));
        faults.late_percent = often(3) ? static_cast<std::uint32_t>(random.below(10)) : 0;
        faults.partition_every = often(2) ? Millis(200 + random.below(3'000)) : Millis(0);
        faults.crash_every = often(2) ? Millis(300 + random.below(3'000)) : Millis(0);
        faults.clock_jump_us = often(3) ? static_cast<std::uint32_t>(random.below(2'000)) : 0;
        return faults;
    }
};

class World {
  public:
    // canary: the scenario's model makes a mistake.
    World(std::uint64_t seed, bool with_canary)
        : random(seed), faults(Faults::drawn(random)), canary(with_canary) {}
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    using Happening = std::function<void()>;
    void in(Instant::duration after, Happening happening) {
        happenings_.push({now_ + after, ++count_, std::move(happening)});
    }
    // A message arrives some time later, or never.
    void send(Happening arrives) {
        if (chance(faults.loss_percent)) {
            return;
        }
        std::uint64_t delay_us = random.below(faults.delay_max_us);
        if (chance(faults.late_percent)) {
            delay_us *= 100;
        }
        in(microseconds(delay_us), std::move(arrives));
    }
    // check: after every happening.
    void run(Instant::duration time, const Happening& check) {
        const Instant end = now_ + time;
        while (!happenings_.empty() && happenings_.top().at <= end) {
            Happening next = std::move(const_cast<Event&>(happenings_.top()).happening);
            now_ = happenings_.top().at;
            happenings_.pop();
            next();
            check();
        }
        now_ = end;
    }

    [[nodiscard]] Instant now() const { return now_; }
    [[nodiscard]] WallTime wall() const { return WallTime(now_.time_since_epoch()); }
    // As another thread may have read it, a moment ago.
    [[nodiscard]] Instant jumpy() {
        return now_ - microseconds(random.below(faults.clock_jump_us + 1UL));
    }
    bool chance(std::uint32_t percent) { return random.below(100) < percent; }

    Random random;
    Faults faults;
    const bool canary;

  private:
    struct Event {
        Instant at;
        std::uint64_t order;
        Happening happening;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    Instant now_{std::chrono::hours(500'000)};
    std::uint64_t count_ = 0;
    std::priority_queue<Event> happenings_;
};

// The scenarios. Each runs one world to its end, or throws Broken.
void window(World& world);    // one limit in one process
void limits(World& world);    // gateways with leases at one store
void breaker(World& world);   // workers at one breaker
void bulkhead(World& world);  // tenants at one service, permits and queue
void retry(World& world);     // what is sent again
void idle(World& world);      // connections that a service closes
void replica(World& world);   // bans on gateways that follow one store

}  // namespace gw::sim
