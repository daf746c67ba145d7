// A circuit breaker for one service, shared by all workers of the process.
//
// Closed: everything passes, and failures are counted over a rolling window of ten buckets. Once
// enough of enough requests have failed, or were too slow, it opens: nothing passes for a while,
// which doubles with each time that it does not help. Then it is half open: a few requests may try.
// If all of them succeed it closes, if one fails it opens again.
//
// Operators may force it open or closed for a time. What counts as a failure is the caller's to
// say: answers of 5xx, connections refused, reset or too slow; never 4xx.
//
// Only what was let through since the last change of state counts: an answer that comes late says
// nothing of the service as it is now.
//
// Any thread. While closed a request costs one atomic addition; everything else takes a mutex.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "upstream/breaker_options.hpp"

namespace gw::upstream {

// The numbers are those of the metric circuit_breaker_state.
enum class BreakerState : std::uint8_t { closed = 0, open = 1, half_open = 2 };
std::string_view name_of(BreakerState state);  // "CLOSED", "OPEN", "HALF_OPEN"

struct BreakerSnapshot {
    BreakerState state = BreakerState::closed;
    bool forced = false;
    Instant since{};
    Instant next_try{};                          // of an open one
    std::string why;                             // for operators
    std::array<std::uint64_t, 3> transitions{};  // ever, by where they led
    std::uint64_t rejects = 0;
};

class Breaker {
  public:
    // What a request that was let through came to.
    enum class Result : std::uint8_t { success, failure, ignored };

    // changed: called after each change of state, on the thread that caused it.
    Breaker(std::string name, const BreakerOptions& options, std::uint64_t seed,
            std::function<void(const std::string& name)> changed);
    Breaker(const Breaker&) = delete;
    Breaker& operator=(const Breaker&) = delete;

    // An open one whose time is another by them waits no longer than that from when it opened.
    void configure(const BreakerOptions& options);

    // May a request pass? If not, admitted is false and retry_after says when the next may try. A
    // request that passed must be reported once.
    struct Admission {
        bool admitted = true;
        bool probe = false;
        std::uint32_t era = 0;
        Instant::duration retry_after{0};
    };
    Admission admit(Instant now) {
        const std::uint32_t word = word_.load(std::memory_order_relaxed);
        return state_in(word) == BreakerState::closed ? Admission{.era = era_in(word)}
                                                      : admit_carefully(now);
    }
    // Would admit() let a request pass? Asked by who has somewhere else to go; nothing changes.
    [[nodiscard]] bool would_admit(Instant now) const {
        return state() == BreakerState::closed || would_try(now);
    }
    // took: until the answer's head.
    void report(const Admission& admission, Result result, Instant::duration took, Instant now);

    // closed or open, whatever happens, until then; no state: as it finds right again.
    void force(std::optional<BreakerState> state, Instant until, Instant now);

    [[nodiscard]] const std::string& name() const { return name_; }
    // As the next request would find it: an open one whose time is over is half open, and one that
    // was forced until now is closed, although nobody has asked it since.
    [[nodiscard]] BreakerSnapshot snapshot(Instant now) const;

  private:
    static constexpr std::size_t kBuckets = 10;
    // Probes that have told nothing for so long are not waited for: a client may take hours to send
    // one, and nobody else would be served meanwhile.
    static constexpr std::chrono::seconds kProbePatience{30};
    // One count of one bucket. The bucket's number is in the upper half of the word, so that what
    // is left of the ring's last turn is never taken for a count of this one.
    class Tally {
      public:
        void add(std::uint32_t number);
        [[nodiscard]] std::uint32_t in(std::uint32_t number) const;
        void clear() { word_.store(0, std::memory_order_relaxed); }

      private:
        std::atomic<std::uint64_t> word_{0};
    };
    struct Bucket {
        Tally all;
        Tally failed;
        Tally slow;
    };
    struct Sums {
        std::uint64_t all = 0;
        std::uint64_t failed = 0;
        std::uint64_t slow = 0;
    };

    static BreakerState state_in(std::uint32_t word) { return BreakerState(word & 3); }
    static std::uint32_t era_in(std::uint32_t word) { return word >> 2; }
    [[nodiscard]] BreakerState state() const {
        return state_in(word_.load(std::memory_order_relaxed));
    }
    [[nodiscard]] std::uint32_t era() const {
        return era_in(word_.load(std::memory_order_relaxed));
    }
    Admission admit_carefully(Instant now);
    [[nodiscard]] bool would_try(Instant now) const;
    // Half open: may one more try?
    [[nodiscard]] bool has_probe(Instant now) const;
    [[nodiscard]] std::uint32_t bucket_number(Instant now) const;
    void count(Result result, bool slow, Instant now);
    [[nodiscard]] Sums sums(Instant now) const;
    void judge(Instant now);
    [[nodiscard]] std::string reason(Instant now) const;
    void report_probe(const Admission& admission, Result result, Instant now);
    // With the mutex held.
    bool let_go_if_due(Instant now);
    void go_to(BreakerState state, Instant now, std::string why);
    void open(Instant now, std::string why);
    // What it waits this time, give or take a tenth: many gateways must not all try at once.
    [[nodiscard]] Instant::duration spread_wait();
    void forget_counts();

    const std::string name_;
    std::function<void(const std::string& name)> changed_;
    std::atomic<std::uint32_t> word_{0};  // the state in two bits, above it the number of changes
    std::atomic<std::int64_t> bucket_ns_;
    std::atomic<std::int64_t> slow_ns_;
    std::array<Bucket, kBuckets> buckets_;
    std::atomic<std::uint64_t> rejects_{0};

    mutable std::mutex mutex_;
    BreakerOptions options_;
    Random random_;
    Instant since_{};
    Instant next_try_{};
    Instant::duration open_for_{0};  // the next time
    std::uint32_t probing_ = 0;      // probes under way
    Instant probed_at_{};            // when the last one began
    std::uint32_t probed_ = 0;       // that succeeded
    std::optional<BreakerState> forced_;
    Instant forced_until_{};
    std::string why_ = "it has not opened yet";
    std::array<std::uint64_t, 3> transitions_{};
};

}  // namespace gw::upstream
