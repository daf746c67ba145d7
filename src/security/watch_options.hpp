// What an operator may set about how attacks on authentication are noticed.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "config/field.hpp"
#include "config/span_text.hpp"

namespace gw::security {

struct WatchOptions {
    std::uint32_t address_failures = 10;
    Millis address_window{300'000};
    std::uint32_t account_failures = 5;
    Millis account_window{900'000};
    config::SpanText ban_first{std::chrono::minutes(5)};
    std::uint32_t shared_users = 20;
    Millis diagnosis_interval{10'000};

    bool operator==(const WatchOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, WatchOptions& o) {
    using namespace config;
    field("address_failures", o.address_failures, Range{1, 64},
          "failures of an address within `address_window_ms` that are an attack");
    field("address_window_ms", o.address_window, Range{1'000, 86'400'000},
          "the time over which they are counted; it slides");
    field("account_failures", o.account_failures, Range{1, 64},
          "the same for one account, whatever the addresses");
    field("account_window_ms", o.account_window, Range{1'000, 86'400'000},
          "the time over which they are counted");
    field("ban_first", o.ban_first,
          "how long the first automatic ban of an address lasts, where a route has `brute_force: "
          "{mode: block}`; the next within a day lasts 3 times, then 12 and 288 times that");
    field("shared_users", o.shared_users, Range{1, 400},
          "an address that carried this many users in the last hour is shared, and not banned "
          "automatically");
    field("diagnosis_interval_ms", o.diagnosis_interval, Range{100, 3'600'000},
          "how often failed authentications are looked at for their cause");
}

}  // namespace gw::security
