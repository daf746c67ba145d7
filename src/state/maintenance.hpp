// When the platform is closed, or only read: the modes, and the windows of the week in which they
// hold by themselves. What operators say by key is in known_state.hpp. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::state {

// The later, the stricter.
enum class Maintenance : std::uint8_t { off, read_only, down };

// "off", "read-only", "down".
std::string_view name_of(Maintenance mode);
// In any case of letters, with '-', '_' or nothing between the words. Nothing if it is no mode.
std::optional<Maintenance> parse_maintenance(std::string_view value);
// Fit for a header field (RFC 9110, 5.5): controls become spaces, at most kBannerMax bytes of whole
// characters, without spaces around it.
std::string banner_text(std::string_view value);
inline constexpr std::size_t kBannerMax = 512;

class MaintenanceSchedule {
  public:
    // Weeks begin on Monday, 00:00 UTC, and know no summer time.
    struct Window {
        std::chrono::minutes begins{0};  // since then
        std::chrono::minutes lasts{0};   // at most a week
        Maintenance mode = Maintenance::off;
        std::string banner{};
        std::vector<std::string> services{};  // none: the platform
        std::string name{};
    };

    explicit MaintenanceSchedule(std::vector<Window> windows);

    // The strictest of those of the platform that hold now, and until when; its banner, or that of
    // another, be it of a service.
    struct InForce {
        Maintenance mode = Maintenance::off;
        WallTime until = WallTime::max();
        // As long as the schedule.
        std::string_view banner{};
        std::string_view window{};  // which of them it is
    };
    [[nodiscard]] InForce at(WallTime now) const { return of(now, {}); }
    // The strictest of those that name this service.
    [[nodiscard]] InForce at(WallTime now, std::string_view service) const {
        return of(now, service);
    }
    // The services that any of them names, sorted.
    [[nodiscard]] const std::vector<std::string>& services() const { return services_; }
    // When at() may say something else; WallTime::max(): never.
    [[nodiscard]] WallTime next_change(WallTime now) const;

  private:
    [[nodiscard]] InForce of(WallTime now, std::string_view service) const;

    std::vector<Window> windows_;
    std::vector<std::string> services_;
};

enum class WindowDay : std::uint8_t {
    monday,
    tuesday,
    wednesday,
    thursday,
    friday,
    saturday,
    sunday,
    daily
};
constexpr std::array<std::pair<std::string_view, WindowDay>, 8> names_of(WindowDay) {
    return {{{"monday", WindowDay::monday},
             {"tuesday", WindowDay::tuesday},
             {"wednesday", WindowDay::wednesday},
             {"thursday", WindowDay::thursday},
             {"friday", WindowDay::friday},
             {"saturday", WindowDay::saturday},
             {"sunday", WindowDay::sunday},
             {"daily", WindowDay::daily}}};
}
enum class WindowMode : std::uint8_t { read_only, down };
constexpr std::array<std::pair<std::string_view, WindowMode>, 2> names_of(WindowMode) {
    return {{{"read-only", WindowMode::read_only}, {"down", WindowMode::down}}};
}

struct WindowOptions {
    WindowDay day = WindowDay::sunday;
    std::string from = "02:00";
    std::string to = "04:00";
    WindowMode mode = WindowMode::read_only;
    std::string banner{};
    std::vector<std::string> services{};
};

// A name that `maintenance:mode:<service>` may end in.
bool is_service_name(std::string_view name);
std::optional<config::Flaw> check_window_name(std::string_view name);
std::optional<config::Flaw> check_time_of_day(std::string_view text);

template <class Visitor>
void fields(Visitor& field, WindowOptions& o) {
    using namespace config;
    constexpr Check kTime{check_time_of_day, "^([01][0-9]|2[0-3]):[0-5][0-9]$"};
    field("day", o.day, "the day of the week on which it begins, or `daily`");
    field("from", o.from, kTime, "when it begins, UTC");
    field("to", o.to, kTime, "when it ends, UTC; not later than `from`: on the next day");
    field("mode", o.mode, "`read-only` refuses what changes something, `down` everything");
    field("banner", o.banner, "stands in X-Maintenance-Banner of every answer meanwhile");
    field("services", o.services,
          "the services whose routes are closed, by their names under `services`; none listed: the "
          "whole platform");
}

struct MaintenanceOptions {
    std::map<std::string, WindowOptions> windows;
};

template <class Visitor>
void fields(Visitor& field, MaintenanceOptions& o) {
    field("windows", o.windows, config::Check{check_window_name, "^[a-z0-9-]{1,64}$"},
          "times of the week, by name");
}

// Null where there are none.
std::shared_ptr<const MaintenanceSchedule> schedule_of(const MaintenanceOptions& options);

}  // namespace gw::state
