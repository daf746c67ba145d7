#include "observe/timestamp.hpp"

#include <cstdio>
#include <ctime>

namespace gw::observe {

std::string_view Timestamp::text(WallTime time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const std::int64_t second = whole.time_since_epoch().count();
    if (second != second_) {
        second_ = second;
        const std::time_t seconds = second;
        std::tm utc{};
        ::gmtime_r(&seconds, &utc);
        std::array<char, 80> buffer{};
        std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d.000Z",
                      utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                      utc.tm_sec);
        std::copy_n(buffer.begin(), kSize, text_.begin());
    }
    const auto rest = std::chrono::floor<Millis>(time - whole);
    const auto fraction = static_cast<unsigned>(rest.count());
    text_[20] = static_cast<char>('0' + fraction / 100);
    text_[21] = static_cast<char>('0' + fraction / 10 % 10);
    text_[22] = static_cast<char>('0' + fraction % 10);
    return {text_.data(), kSize};
}

}  // namespace gw::observe
