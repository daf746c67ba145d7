// The event loop of one thread: readiness of descriptors, timers, and work posted by other threads.
//
// Descriptors are registered once, edge-triggered, and their readiness is remembered by who owns
// them (net/stream), so that a request costs no more system calls than its reads and writes. The
// clocks are read once a turn. One thread runs a loop; only post() and stop() may be called from
// others.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <coroutine>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/timer_wheel.hpp"

namespace gw::net {

// Who is told of a descriptor's events (EPOLLIN …). Must not move while registered.
class Pollable {
  public:
    virtual void on_events(std::uint32_t events) = 0;

    // What it has to tell of is new work, which waits behind work that has begun; each time it
    // takes that much of what a turn takes on (Loop::kTakenOnMost).
    void brings_work(int share) { share_ = share; }

  protected:
    ~Pollable() = default;

  private:
    friend class Loop;
    int share_ = 0;             // 0: told at once
    std::uint32_t untold_ = 0;  // events that it waits to be told of
    Instant since_{};           // when the first of them was seen
    Pollable* next_ = nullptr;  // of those who wait
    Pollable* previous_ = nullptr;
};

// Work put off to the end of the turn, when everything that came in has been looked at. Must not
// move while it waits.
struct EndOfTurn {
    void (*run)(EndOfTurn&) = nullptr;
};

class Loop {
  public:
    using Job = std::move_only_function<void()>;

    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() = default;

    // Turns until stop(). `between_turns` runs before each wait: the place for what is batched by
    // turn.
    void run();
    void between_turns(Job job) { between_turns_ = std::move(job); }

    void stop();         // any thread
    void post(Job job);  // any thread; runs on the loop's thread, in order

    // Runs `work` at the end of this turn, in the order asked for.
    void at_end_of_turn(EndOfTurn& work) { put_off_.push_back(&work); }
    void forget(EndOfTurn& work);

    // Resumes a coroutine later in this turn, from the loop's own stack.
    void resume_soon(std::coroutine_handle<> handle) { ready_.push_back(handle); }

    [[nodiscard]] const Clock& clock() const { return clock_; }
    [[nodiscard]] Instant now() const { return clock_.now; }
    // How long what was done in the last turn had been ready for it, at most.
    [[nodiscard]] Instant::duration lag() const { return lag_; }
    TimerWheel& timers() { return timers_; }

    // Registers a descriptor; fails only when the kernel is out of memory or watches.
    Result<void> watch(int fd, std::uint32_t events, Pollable& owner);
    void rewatch(int fd, std::uint32_t events, Pollable& owner);
    // Before the owner goes: events of this turn that are still to come for it are dropped.
    void forget(int fd, Pollable& owner);

  private:
    // Seen in one turn; the rest waits, fairly.
    static constexpr int kEventsMax = 32;
    // Who has begun should be done before others begin: what is in flight should fit the core's
    // cache, or with hundreds of requests at once each costs more. Yet what one turn takes on
    // leaves in one write over HTTP/2, so it should not be little.
    static constexpr int kTakenOnMost = 16;

    struct Mailbox : Pollable {
        explicit Mailbox(Loop& loop) : loop_(loop) {}
        void on_events(std::uint32_t events) override;
        Loop& loop_;
    };

    // Those who bring work, in the order in which they were seen.
    struct Waiting {
        void append(Pollable& pollable);
        void remove(Pollable& pollable);
        Pollable* first = nullptr;
        Pollable* last = nullptr;
    };

    void tell(Pollable& owner, std::uint32_t events);
    void take_on();
    void read_clocks();
    [[nodiscard]] int wait_ms() const;
    void end_turn();
    void run_ready();

    Clock clock_;
    Instant::duration last_turn_{};
    Instant::duration lag_{};
    Fd epoll_;
    Fd wake_;
    TimerWheel timers_;
    Mailbox mailbox_{*this};
    std::array<epoll_event, kEventsMax> events_{};
    int event_ = 0;  // the one being handled
    int event_count_ = 0;
    Waiting waiting_;
    std::vector<EndOfTurn*> put_off_;
    std::vector<EndOfTurn*> running_;
    std::vector<std::coroutine_handle<>> ready_;
    std::vector<std::coroutine_handle<>> resuming_;
    Job between_turns_;
    std::atomic<bool> stopping_{false};
    std::mutex jobs_mutex_;
    std::vector<Job> jobs_;
};

// A wait that somebody may end early: co_await pause.until(t) resumes at the first turn at or after
// `t`, or after wake(). One waiter at a time; must outlive its wait.
class Pause : Timer {
  public:
    explicit Pause(Loop& loop) : Timer(&fired), loop_(loop) {}

    struct Wait {
        Pause& pause;
        Instant due;
        [[nodiscard]] bool await_ready() const { return pause.loop_.now() >= due; }
        void await_suspend(std::coroutine_handle<> handle) const {
            pause.waiter_ = handle;
            pause.loop_.timers().arm(pause, due);
        }
        void await_resume() const {}
    };
    Wait until(Instant due) { return {*this, due}; }
    void wake() {
        disarm();
        if (waiter_) {
            loop_.resume_soon(std::exchange(waiter_, nullptr));
        }
    }

  private:
    static void fired(Timer& timer) {
        std::exchange(static_cast<Pause&>(timer).waiter_, nullptr).resume();
    }
    Loop& loop_;
    std::coroutine_handle<> waiter_;
};

// The clocks of the machine, for threads that have no loop.
Clock system_clocks();

}  // namespace gw::net
