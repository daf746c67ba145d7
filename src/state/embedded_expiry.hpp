// How commands say when a key ends: EX 60, PX 60000, EXAT 1795437000, PXAT 1795437000000.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace gw::state {

struct EndForm {
    std::int64_t unit_ms = 1;
    bool absolute = false;  // since 1970, instead of from now
};

constexpr std::optional<EndForm> end_form(std::string_view option) {
    if (equal_ignore_case(option, "EX")) {
        return EndForm{1'000, false};
    }
    if (equal_ignore_case(option, "PX")) {
        return EndForm{1, false};
    }
    if (equal_ignore_case(option, "EXAT")) {
        return EndForm{1'000, true};
    }
    if (equal_ignore_case(option, "PXAT")) {
        return EndForm{1, true};
    }
    return std::nullopt;
}

// Nothing if no clock shows it.
constexpr std::optional<WallTime> end_of(std::int64_t amount, const EndForm& form, WallTime now) {
    std::int64_t ms = 0;
    if (__builtin_mul_overflow(amount, form.unit_ms, &ms) ||
        (!form.absolute && __builtin_add_overflow(ms, epoch_ms(now), &ms))) {
        return std::nullopt;
    }
    if (ms > kWallMsMax || ms < -kWallMsMax) {
        return std::nullopt;
    }
    // To the moment: a time to live that has just been set is what it was set to.
    return form.absolute ? WallTime(Millis{ms}) : now + Millis{amount * form.unit_ms};
}

}  // namespace gw::state
