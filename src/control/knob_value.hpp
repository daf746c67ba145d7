// What stands in a knob's key and value: a setting that operators change for a time, and why, by
// whom, since and until when. The gateway writes JSON; operators may write a word or a number by
// hand. Pure.
//
//     knob:limit:general        {"requests":500,"windowMs":60000,"by":…,"reason":…,"until":…}
//     knob:limit:search         off
//     knob:breaker:venue-service  open
//     knob:log-level            DEBUG
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "config/mistake.hpp"
#include "limits/policy_override.hpp"
#include "observe/log_level.hpp"
#include "upstream/breaker.hpp"

namespace gw::control {

// A forced breaker's is open or closed.
using KnobSetting = std::variant<limits::PolicyOverride, upstream::BreakerState, observe::LogLevel>;

struct KnobNote {
    std::string by;      // empty: by hand
    std::string reason;  // empty: none given
    std::optional<WallTime> since;
    std::optional<WallTime> until;  // none: until somebody lifts it
    bool operator==(const KnobNote&) const = default;
};

struct KnobValue {
    KnobSetting setting;
    KnobNote note;
    bool operator==(const KnobValue&) const = default;
};

inline constexpr std::string_view kLimitKnob = "limit:";
inline constexpr std::string_view kBreakerKnob = "breaker:";
inline constexpr std::string_view kLogLevelKnob = "log-level";
inline constexpr std::size_t kKnobTextMax = 256;  // of an author and a reason; the rest is cut

// name: behind "knob:".
std::expected<KnobValue, config::Flaw> read_knob(std::string_view name, std::string_view value);
std::string write_knob(const KnobValue& value);

// "500 requests, in 60 s", "open", "DEBUG".
std::string setting_text(const KnobSetting& setting);

// The members that an override has, of a body of the admin API or a value. A flaw: one of them is
// of no use, or there is none.
std::expected<limits::PolicyOverride, config::Flaw> policy_override_of(
    const boost::json::object& object);
void add_to(boost::json::object& object, const limits::PolicyOverride& over);

std::optional<observe::LogLevel> parse_log_level(std::string_view text);

}  // namespace gw::control
