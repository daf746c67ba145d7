#include "http/date.hpp"

#include <cstdio>
#include <ctime>

namespace gw::http {

std::string_view DateText::at(WallTime time) {
    constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::int64_t second = epoch_ms(time) / 1000;
    if (second != second_) {
        second_ = second;
        const std::time_t seconds = second;
        std::tm utc{};
        ::gmtime_r(&seconds, &utc);
        // Not strftime: the names do not depend on a locale.
        std::snprintf(text_.data(), text_.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                      kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                      kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                      utc.tm_hour, utc.tm_min, utc.tm_sec);
    }
    return {text_.data(), text_.size() - 1};
}

}  // namespace gw::http
