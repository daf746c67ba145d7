#include "state/maintenance.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::state {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kDay{24 * 60};
constexpr seconds kWeek = 7 * kDay;

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

minutes time_of_day(std::string_view text) {
    const auto digit = [&](std::size_t at) { return text[at] - '0'; };
    return minutes{(digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4)};
}

// Since its week began; the epoch was a Thursday.
seconds in_week(WallTime now) {
    const auto since = std::chrono::floor<seconds>(now.time_since_epoch()) + 3 * kDay;
    return ((since % kWeek) + kWeek) % kWeek;
}

}  // namespace

std::string_view name_of(Maintenance mode) {
    switch (mode) {
        case Maintenance::off:
            return "off";
        case Maintenance::read_only:
            return "read-only";
        case Maintenance::down:
            return "down";
    }
    return "";
}

std::optional<Maintenance> parse_maintenance(std::string_view value) {
    std::string word;
    for (const char c : value.substr(0, 64)) {
        if (!is_control(c) && c != ' ' && c != '-' && c != '_') {
            word += lower(c);
        }
    }
    if (word == "readonly") {
        return Maintenance::read_only;
    }
    if (word == "down") {
        return Maintenance::down;
    }
    if (word.empty() || word == "off" || word == "none") {
        return Maintenance::off;
    }
    return std::nullopt;
}

std::string banner_text(std::string_view value) {
    std::string text(value.substr(0, kBannerMax));
    if (value.size() > kBannerMax) {
        // Not in the middle of a character of UTF-8.
        std::size_t end = kBannerMax;
        while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) {
            --end;
        }
        text.resize(end);
    }
    std::ranges::replace_if(text, is_control, ' ');
    return std::string(trim_ows(text));
}

MaintenanceSchedule::MaintenanceSchedule(std::vector<Window> windows)
    : windows_(std::move(windows)) {
    for (const Window& window : windows_) {
        services_.insert(services_.end(), window.services.begin(), window.services.end());
    }
    std::ranges::sort(services_);
    const auto [first, last] = std::ranges::unique(services_);
    services_.erase(first, last);
}

MaintenanceSchedule::InForce MaintenanceSchedule::of(WallTime now, std::string_view service) const {
    InForce found;
    const seconds at = in_week(now);
    const WallTime whole = std::chrono::floor<seconds>(now);
    for (const Window& window : windows_) {
        const seconds since = (at - window.begins + kWeek) % kWeek;
        if (since >= window.lasts) {
            continue;
        }
        const bool meant =
            service.empty() ? window.services.empty()
                            : std::ranges::find(window.services, service) != window.services.end();
        if (!meant) {
            found.banner = service.empty() && found.banner.empty() ? window.banner : found.banner;
            continue;
        }
        const WallTime until = whole - since + window.lasts;
        if (window.mode > found.mode) {
            found.mode = window.mode;
            found.until = until;
            found.window = window.name;
            found.banner = window.banner.empty() ? found.banner : window.banner;
        } else {
            if (window.mode == found.mode && until > found.until) {
                found.until = until;
                found.window = window.name;
            }
            found.banner = found.banner.empty() ? window.banner : found.banner;
        }
    }
    return found;
}

WallTime MaintenanceSchedule::next_change(WallTime now) const {
    WallTime next = WallTime::max();
    const seconds at = in_week(now);
    const WallTime whole = std::chrono::floor<seconds>(now);
    for (const Window& window : windows_) {
        for (const seconds moment :
             {seconds(window.begins), seconds(window.begins + window.lasts)}) {
            const seconds left = (moment - at + 2 * kWeek) % kWeek;
            next = std::min(next, whole + (left == seconds{0} ? kWeek : left));
        }
    }
    return next;
}

bool is_service_name(std::string_view name) {
    const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && name.size() <= 64 && small(name.front()) &&
           std::ranges::all_of(name, [&](char c) { return small(c) || is_digit(c) || c == '-'; });
}

std::optional<config::Flaw> check_window_name(std::string_view name) {
    const bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return plain ? std::nullopt
                 : std::optional(config::Flaw{"is " + config::quote(name),
                                              "use 1 to 64 small letters, digits and '-'"});
}

std::optional<config::Flaw> check_time_of_day(std::string_view text) {
    const auto is = [&](std::size_t at, char most) { return text[at] >= '0' && text[at] <= most; };
    const bool good = text.size() == 5 && text[2] == ':' && is(0, '2') &&
                      is(1, text[0] == '2' ? '3' : '9') && is(3, '5') && is(4, '9');
    return good ? std::nullopt
                : std::optional(config::Flaw{"is " + config::quote(text),
                                             "write hours and minutes, as \"02:00\""});
}

std::shared_ptr<const MaintenanceSchedule> schedule_of(const MaintenanceOptions& options) {
    if (options.windows.empty()) {
        return nullptr;
    }
    std::vector<MaintenanceSchedule::Window> windows;
    for (const auto& [name, window] : options.windows) {
        const minutes from = time_of_day(window.from);
        const minutes lasts =
            (time_of_day(window.to) - from + kDay - minutes{1}) % kDay + minutes{1};
        const Maintenance mode =
            window.mode == WindowMode::down ? Maintenance::down : Maintenance::read_only;
        const bool daily = window.day == WindowDay::daily;
        for (int day = daily ? 0 : static_cast<int>(window.day),
                 last = daily ? 6 : static_cast<int>(window.day);
             day <= last; ++day) {
            windows.push_back({.begins = day * kDay + from,
                               .lasts = lasts,
                               .mode = mode,
                               .banner = banner_text(window.banner),
                               .services = window.services,
                               .name = name});
        }
    }
    return std::make_shared<const MaintenanceSchedule>(std::move(windows));
}

}  // namespace gw::state
