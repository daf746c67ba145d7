// How short of memory this process is, and whom it sends away for it. Pure.
#pragma once

#include <cstdint>

namespace gw::gateway {

// Each sends away what the one before does, and more: reads; then all but routes of high priority;
// then all. Health and the operators' port are served always.
enum class Pressure : std::uint8_t { none, low, normal, all };

// used, most: bytes. most 0: there is no limit. before: a step is taken back only when there is
// some air again, so that it is not taken ten times a second.
constexpr Pressure pressure_of(std::uint64_t used, std::uint64_t most, Pressure before) {
    if (most == 0) {
        return Pressure::none;
    }
    constexpr std::uint64_t kAirPercent = 3;
    const std::uint64_t percent = used / (most / 100 + 1);
    const auto beyond = [&](std::uint64_t threshold, Pressure step) {
        return percent >= threshold - (before >= step ? kAirPercent : 0);
    };
    return beyond(96, Pressure::all)      ? Pressure::all
           : beyond(92, Pressure::normal) ? Pressure::normal
           : beyond(88, Pressure::low)    ? Pressure::low
                                          : Pressure::none;
}

}  // namespace gw::gateway
