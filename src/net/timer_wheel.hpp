// One coarse timer wheel a loop: deadlines and idle limits for everything that waits there.
//
// Arming a timer again later, the common case, is one store: the timer stays in its slot and moves
// on when the wheel comes by. A timer may fire up to one tick (kTick) late, never early. Not
// thread-safe: one loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"

namespace gw::net {

class TimerWheel;

// An intrusive timer, owned by whoever waits. It must not move; destroying it disarms it.
class Timer {
  public:
    using Fire = void (*)(Timer&);
    explicit Timer(Fire fire) : fire_(fire) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { unlink(); }

    [[nodiscard]] bool armed() const { return due_ != kNever; }
    // Lazily: the wheel drops it when it comes by.
    void disarm() { due_ = kNever; }

  private:
    friend class TimerWheel;
    // Unlinks even from a wheel that is gone: rings are circular, so neighbours always exist.
    void unlink() {
        if (next_ != nullptr) {
            prev_->next_ = next_;
            next_->prev_ = prev_;
            next_ = prev_ = nullptr;
        }
    }

    Fire fire_;
    Timer* prev_ = nullptr;
    Timer* next_ = nullptr;
    Instant due_ = kNever;
    std::int64_t tick_ = 0;  // the tick of the slot it is linked in
};

class TimerWheel {
  public:
    static constexpr Millis kTick{10};

    explicit TimerWheel(Instant start);
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;
    ~TimerWheel() = default;

    // Fires `timer` once, at the first advance() at or after `due`. kNever disarms.
    void arm(Timer& timer, Instant due);

    // Fires what is due. A fired function may arm and destroy any timer.
    void advance(Instant now);

    // When advance() should be called next; kNever if nothing is armed. May be early, never late by
    // more than a tick.
    [[nodiscard]] Instant next() const;

  private:
    static constexpr std::size_t kSlots = 1024;  // ten seconds a turn; longer timers go round
    struct Sentinel : Timer {
        Sentinel() : Timer(nullptr) { prev_ = next_ = this; }
    };

    [[nodiscard]] std::int64_t tick_of(Instant t) const { return (t - start_) / kTick; }
    void link(Timer& timer);
    void visit(std::size_t slot, Instant now);

    Instant start_;
    std::int64_t tick_ = 0;                           // every slot up to this one has been visited
    std::unique_ptr<Sentinel[]> slots_;               // each the head of a ring
    std::array<std::uint64_t, kSlots / 64> maybe_{};  // slots that may hold a timer
};

}  // namespace gw::net
