// The Date field (RFC 9110, 5.6.7 and 6.6.1): "Mon, 23 Nov 2026 07:00:00 GMT". One thread.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace gw::http {

// Remembers the text of the last second.
class DateText {
  public:
    // Valid until the next call.
    std::string_view at(WallTime time);

  private:
    std::int64_t second_ = INT64_MIN;
    std::array<char, 30> text_{};  // with the terminating NUL
};

// All three forms of RFC 9110, 5.6.7; nothing if it is none of them. A year of two digits is in the
// century around `now`; what is before 1800 or after 2160 is brought to it.
std::optional<WallTime> parse_date(std::string_view text, WallTime now);

}  // namespace gw::http
