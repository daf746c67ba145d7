#include "state/maintenance.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

using namespace std::chrono;

WallTime at(year_month_day day, minutes time) {
    return sys_days(day) + time;
}
constexpr auto kSunday = 2026y / 11 / 22;
constexpr auto kMonday = 2026y / 11 / 23;

std::shared_ptr<const MaintenanceSchedule> schedule(std::map<std::string, WindowOptions> windows) {
    return schedule_of({.windows = std::move(windows)});
}

TEST(MaintenanceSchedule, HoldsFromItsBeginToItsEndEachWeek) {
    const auto s = schedule({{"weekly", {.banner = "back at four"}}});
    EXPECT_EQ(s->at(at(kSunday, 119min)).mode, Maintenance::off);
    for (const auto week : {days{0}, days{7}, days{364}, days{-20 * 364}}) {
        const WallTime begin = at(kSunday, 120min) + week;
        EXPECT_EQ(s->at(begin - 1s).mode, Maintenance::off);
        EXPECT_EQ(s->at(begin).mode, Maintenance::read_only);
        EXPECT_EQ(s->at(begin).until, begin + 2h);
        EXPECT_EQ(s->at(begin).banner, "back at four");
        EXPECT_EQ(s->at(begin + 2h - 1ms).until, begin + 2h);
        EXPECT_EQ(s->at(begin + 2h).mode, Maintenance::off);
        EXPECT_EQ(s->at(begin + 2h).banner, "");
    }
}

TEST(MaintenanceSchedule, GoesOverMidnightAndOverTheEndOfTheWeek) {
    const auto s = schedule({{"night", {.from = "23:00", .to = "01:30"}}});
    EXPECT_EQ(s->at(at(kSunday, 23h)).until, at(kMonday, 90min));
    EXPECT_EQ(s->at(at(kMonday, 89min)).mode, Maintenance::read_only);
    EXPECT_EQ(s->at(at(kMonday, 90min)).mode, Maintenance::off);
    const auto whole = schedule({{"day", {.from = "00:00", .to = "00:00"}}});
    EXPECT_EQ(whole->at(at(kSunday, 0min)).until, at(kMonday, 0min));
}

TEST(MaintenanceSchedule, TheStricterOfTwoCountsAndTheLongerOfEqualOnes) {
    const auto s = schedule({{"a", {.to = "06:00", .banner = "slow"}},
                             {"b", {.from = "03:00", .mode = WindowMode::down}},
                             {"c", {.day = WindowDay::daily, .to = "02:30"}}});
    EXPECT_EQ(s->at(at(kSunday, 130min)).until, at(kSunday, 6h));
    EXPECT_EQ(s->at(at(kSunday, 130min)).window, "a");
    EXPECT_EQ(s->at(at(kSunday, 3h)).mode, Maintenance::down);
    EXPECT_EQ(s->at(at(kSunday, 3h)).until, at(kSunday, 4h));
    EXPECT_EQ(s->at(at(kSunday, 3h)).banner, "slow");
    EXPECT_EQ(s->at(at(kSunday, 3h)).window, "b");
    EXPECT_EQ(s->at(at(kMonday, 130min)).mode, Maintenance::read_only);
}

TEST(MaintenanceSchedule, SaysWhenItChanges) {
    const auto s = schedule({{"weekly", {}}});
    EXPECT_EQ(s->next_change(at(kSunday, 0min)), at(kSunday, 2h));
    EXPECT_EQ(s->next_change(at(kSunday, 2h)), at(kSunday, 4h));
    EXPECT_EQ(s->next_change(at(kSunday, 4h)), at(kSunday, 2h) + days{7});
    EXPECT_EQ(schedule({}), nullptr);
}

TEST(MaintenanceSchedule, TimesAndNamesAreChecked) {
    for (const char* good : {"00:00", "09:59", "19:00", "23:59"}) {
        EXPECT_FALSE(check_time_of_day(good)) << good;
    }
    for (const char* bad : {"", "24:00", "2:00", "02:60", "02-00", "02:00Z", "ab:cd"}) {
        EXPECT_TRUE(check_time_of_day(bad)) << bad;
    }
    EXPECT_FALSE(check_window_name("sunday-night"));
    EXPECT_TRUE(check_window_name("Sunday night"));
}

}  // namespace
}  // namespace gw::state
