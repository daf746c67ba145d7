// How often one key was admitted of late, in 56 bytes whatever the limit: never more than N in any
// window of length W.
//
// Admissions are kept in groups of g = ⌈N / 20⌉ in the order of time, and of a group only the time
// of its latest one:
//
//     | oldest: o of time t1 | g of time t2 | … | newest: n of time tk |
//
// A group stays until its latest admission has left the window, so what is counted is never less
// than what there was, and more by g - 1 at most, all of it in the oldest group. Hence up to N = 20
// (g = 1) it is exact, and above it a request is refused only if at least N - g + 1 were admitted
// in the last W: 95 % of N. (Counters of parts of a window, the usual way, would hold a whole burst
// too long; a token bucket admits nearly 2 N in some windows.)
//
// Times are kept in ticks of W / 16384, rounded up: what is admitted leaves up to two ticks late,
// never early. Pure; not thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"

namespace gw::limits {

// What a key may do: `limit` admissions in any `window`. If `block` is not zero, a key that asks
// for more is refused for so long, whatever leaves the window meanwhile.
class Quota {
  public:
    static constexpr std::uint32_t kLimitMax = 1'000'000;
    static constexpr Millis kWindowMin{1'000};
    static constexpr Millis kWindowMax = std::chrono::hours(24 * 31);
    static constexpr Millis kBlockMax = std::chrono::hours(12);

    // Values beyond these bounds are brought to them.
    Quota(std::uint32_t limit, Millis window, Millis block = Millis{0});

    [[nodiscard]] std::uint32_t limit() const { return limit_; }
    [[nodiscard]] Millis window() const { return window_; }
    [[nodiscard]] Millis block() const { return block_; }
    // A part of it: what one of several gateways may do alone. At least 1.
    [[nodiscard]] Quota share(std::uint32_t gateways) const;
    bool operator==(const Quota&) const = default;

  private:
    friend class Window;
    std::uint32_t limit_;
    std::uint32_t group_;
    std::uint32_t block_ticks_;
    std::int64_t tick_ns_;
    Millis window_;
    Millis block_;
};

struct Outcome {
    bool admitted = false;
    bool blocked = false;         // refused because of the block
    bool block_began = false;     // with this request
    std::uint32_t limit = 0;      // N
    std::uint32_t remaining = 0;  // that would be admitted now
    // Until the next one is admitted, if nobody else asks; zero: at once.
    Instant::duration retry_after{0};
    // Until all N are there again; zero: they are.
    Instant::duration reset{0};
};

class Window {
  public:
    // Value-initialise it: Window w{}. A trivial type, so that a table of them costs no start.
    Window() = default;

    // Admits one, or refuses it. All calls for one window give the same quota. `now` may go back a
    // little, as between threads: then it counts as the latest that was seen.
    Outcome take(const Quota& quota, Instant now);
    // What take() would say.
    [[nodiscard]] Outcome look(const Quota& quota, Instant now) const;
    // One that was admitted at `taken` does not count after all. A block stays.
    void give_back(const Quota& quota, Instant taken, Instant now);
    // What was decided elsewhere: one was admitted, which counts unless the limit is used up
    // (false); or the key is blocked for `rest` from now on. Neither is a request: no block begins.
    bool count(const Quota& quota, Instant now);
    void block_for(const Quota& quota, Instant::duration rest, Instant now);
    // The same where the limit may be used up: what was admitted now counts in place of the oldest
    // group, so that it is never less than the latest N - g + 1.
    void put(const Quota& quota, Instant now);

    // Until fewer than `count` of those admitted are left; zero: it is so.
    [[nodiscard]] Instant::duration until_free(const Quota& quota, std::uint32_t count,
                                               Instant now) const;

    // Nothing in it matters any more.
    [[nodiscard]] bool is_over(Instant now) const;
    // The same for any moment from here on, in seconds of the monotonic clock.
    [[nodiscard]] std::uint32_t until_s() const { return until_s_; }
    // How much of the limit was used when it was last asked, 0 to 254; 255: blocked.
    static constexpr std::uint8_t kBlocked = 255;
    [[nodiscard]] std::uint8_t load() const { return load_; }

  private:
    static constexpr std::size_t kGroups = 21;  // 20, and one whose beginning was given back
    friend class Quota;

    [[nodiscard]] std::uint32_t used(const Quota& quota) const;
    std::uint32_t advance(const Quota& quota, Instant now);
    void add(const Quota& quota, std::uint32_t tick);
    void drop(const Quota& quota, std::size_t group);
    void note(const Quota& quota, Instant now);
    [[nodiscard]] Outcome outcome(const Quota& quota, Instant now) const;

    std::uint32_t until_s_;
    std::uint32_t seen_;    // tick of the latest change; while blocked, of the block's beginning
    std::uint16_t oldest_;  // in the first group, if there is more than one
    std::uint16_t newest_;  // in the last group
    std::uint8_t groups_;
    std::uint8_t load_;
    std::array<std::uint16_t, kGroups> stamps_;  // the low bits of their ticks
};
static_assert(sizeof(Window) == 56);

}  // namespace gw::limits
