// Time as an argument. A loop reads the system's clocks once a turn and everything in that turn
// sees the same moment; deciding code takes `now` and never asks. Durations and deadlines use
// Instant (monotonic, not moved by an administrator); what is written for people or compared with a
// token uses WallTime.
#pragma once

#include <chrono>
#include <cstdint>

namespace gw {

using Instant = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Millis = std::chrono::milliseconds;

inline constexpr Instant kNever = Instant::max();

struct Clock {
    Instant now{};
    WallTime wall{};
};

inline std::int64_t epoch_ms(WallTime t) {
    return std::chrono::duration_cast<Millis>(t.time_since_epoch()).count();
}

}  // namespace gw
