#include "http/date.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/text.hpp"

namespace gw::http {
namespace {

constexpr std::array<std::string_view, 12> kMonthNames{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDayNames{"Mon", "Tue", "Wed", "Thu",
                                                    "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> kLongDayNames{
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

// Reads from the front of a text; one wrong step makes all of it wrong.
class Steps {
  public:
    explicit Steps(std::string_view text) : rest_(text) {}
    void literal(std::string_view text) {
        good_ = good_ && rest_.starts_with(text);
        rest_.remove_prefix(good_ ? text.size() : 0);
    }
    int digits(std::size_t count) {
        const auto number =
            rest_.size() >= count ? parse_decimal(rest_.substr(0, count)) : std::nullopt;
        good_ = good_ && number.has_value();
        rest_.remove_prefix(good_ ? count : 0);
        return good_ ? static_cast<int>(*number) : 0;
    }
    template <class Names>
    unsigned one_of(const Names& names) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (rest_.starts_with(names[i])) {
                rest_.remove_prefix(names[i].size());
                return static_cast<unsigned>(i);
            }
        }
        good_ = false;
        return 0;
    }
    bool next_is(std::string_view text) const { return rest_.starts_with(text); }
    [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

// What is counted in nanoseconds ends in 2262; "31 Dec 9999" is what some say for never. A century
// is left on each side for who adds to it.
constexpr std::chrono::sys_seconds kEarliest =
    std::chrono::sys_days{std::chrono::year{1800} / 1 / 1};
constexpr std::chrono::sys_seconds kLatest = std::chrono::sys_days{std::chrono::year{2160} / 1 / 1};

struct Parts {
    int year = 0;
    unsigned month = 0;  // from 0
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

void read_time(Steps& in, Parts& out) {
    out.hour = in.digits(2);
    in.literal(":");
    out.minute = in.digits(2);
    in.literal(":");
    out.second = in.digits(2);
}

std::optional<WallTime> time_of(const Parts& parts) {
    using namespace std::chrono;
    const year_month_day date{year{parts.year}, month{parts.month + 1},
                              day{static_cast<unsigned>(parts.day)}};
    if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) {
        return std::nullopt;
    }
    const sys_seconds time =
        sys_days{date} + hours{parts.hour} + minutes{parts.minute} + seconds{parts.second};
    return WallTime{std::clamp(time, kEarliest, kLatest)};
}

int century_around(int two_digits, WallTime now) {
    const int year = static_cast<int>(
        std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(now)}.year());
    const int here = year - year % 100 + two_digits;
    return here > year + 50 ? here - 100 : here;
}

}  // namespace

std::optional<WallTime> parse_date(std::string_view text, WallTime now) {
    Parts parts;
    Steps in(text);
    if (text.size() > 3 && text[3] == ',') {  // Sun, 06 Nov 1994 08:49:37 GMT
        in.one_of(kDayNames);
        in.literal(", ");
        parts.day = in.digits(2);
        in.literal(" ");
        parts.month = in.one_of(kMonthNames);
        in.literal(" ");
        parts.year = in.digits(4);
        in.literal(" ");
        read_time(in, parts);
        in.literal(" GMT");
    } else if (text.contains(',')) {  // Sunday, 06-Nov-94 08:49:37 GMT
        in.one_of(kLongDayNames);
        in.literal(", ");
        parts.day = in.digits(2);
        in.literal("-");
        parts.month = in.one_of(kMonthNames);
        in.literal("-");
        parts.year = century_around(in.digits(2), now);
        in.literal(" ");
        read_time(in, parts);
        in.literal(" GMT");
    } else {  // Sun Nov  6 08:49:37 1994
        in.one_of(kDayNames);
        in.literal(" ");
        parts.month = in.one_of(kMonthNames);
        in.literal(" ");
        const bool one_digit = in.next_is(" ");
        in.literal(one_digit ? " " : "");
        parts.day = in.digits(one_digit ? 1 : 2);
        in.literal(" ");
        read_time(in, parts);
        in.literal(" ");
        parts.year = in.digits(4);
    }
    return in.done() ? time_of(parts) : std::nullopt;
}

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
