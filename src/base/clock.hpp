// Time as an argument. A loop reads the system's clocks once a turn and everything in that turn
// sees the same moment; deciding code takes `now` and never asks. Durations and deadlines use
// Instant (monotonic, not moved by an administrator); what is written for people or compared with a
// token uses WallTime.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace gw {

using Instant = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Millis = std::chrono::milliseconds;

inline constexpr Instant kNever = Instant::max();

struct Clock {
    Instant now{};
    WallTime wall{};
};

constexpr std::int64_t epoch_ms(WallTime t) {
    return std::chrono::duration_cast<Millis>(t.time_since_epoch()).count();
}

// WallTime counts nanoseconds and ends in 2262, a second later than this.
inline constexpr std::int64_t kWallMsMax =
    std::chrono::floor<Millis>(WallTime::duration::max()).count() - 1'000;

// What somebody has written as milliseconds since 1970. What no clock shows is the first or the
// last moment that there is.
constexpr WallTime wall_at(std::int64_t ms) {
    return WallTime(Millis(std::clamp<std::int64_t>(ms, 0, kWallMsMax)));
}

// When what lives for so long from now on is over. Nothing: never, no clock shows it. left: not
// negative.
constexpr std::optional<WallTime> end_after(Millis left, WallTime now) {
    return left.count() <= kWallMsMax - epoch_ms(now) ? std::optional(now + left) : std::nullopt;
}

}  // namespace gw
