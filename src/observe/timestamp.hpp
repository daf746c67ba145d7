// Wall time as RFC 3339 text, in UTC, with milliseconds: "2026-11-23T07:00:00.123Z". Pure.
#pragma once

#include <array>
#include <string_view>

#include "base/clock.hpp"

namespace gw::observe {

// Remembers the last second's text: within a second only three digits change.
class Timestamp {
  public:
    static constexpr std::size_t kSize = 24;
    // Valid until the next call.
    std::string_view text(WallTime time);

  private:
    std::int64_t second_ = INT64_MIN;
    std::array<char, kSize> text_{};
};

}  // namespace gw::observe
