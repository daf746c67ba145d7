// What operations of the admin API have in common: how bodies say things, and how answers do.
// Control thread.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "control/admin_api.hpp"
#include "observe/timestamp.hpp"
#include "state/store_advice.hpp"

namespace gw::control {

inline AdminAnswer bad_request(std::string detail) {
    return AdminAnswer::refused(gateway::Code::bad_request, std::move(detail));
}

inline AdminAnswer store_away(const Error& error) {
    return AdminAnswer::refused(gateway::Code::no_healthy_upstream,
                                "the state store: " + state::told_of(error));
}

inline std::string text_of(const boost::json::object& body, std::string_view name) {
    const auto* value = body.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

inline bool truth_of(const boost::json::object& body, std::string_view name) {
    const auto* value = body.if_contains(name);
    return value != nullptr && value->is_bool() && value->as_bool();
}

// `seconds` of a body: a lifetime, or none if `endless` is true. Nothing: neither was said, or
// both, and nobody can tell which was meant.
struct Lifetime {
    std::optional<Millis> ttl;
};
inline std::optional<Lifetime> lifetime_of(const boost::json::object& body) {
    constexpr std::int64_t kSecondsMax = 10LL * 365 * 86'400;
    if (truth_of(body, "endless")) {
        return body.contains("seconds") ? std::nullopt : std::optional(Lifetime{});
    }
    const auto* seconds = body.if_contains("seconds");
    if (seconds == nullptr || !seconds->is_int64() || seconds->as_int64() < 1 ||
        seconds->as_int64() > kSecondsMax) {
        return std::nullopt;
    }
    return Lifetime{std::chrono::seconds(seconds->as_int64())};
}

inline constexpr const char* kLifetimeWanted =
    R"(say for how long: {"seconds": 3600}, or {"endless": true}, and not both)";

inline std::string rfc3339(WallTime time) {
    observe::Timestamp timestamp;
    return std::string(timestamp.text(time));
}

inline boost::json::value time_or_null(const std::optional<WallTime>& time) {
    return time ? boost::json::value(rfc3339(*time)) : boost::json::value(nullptr);
}

}  // namespace gw::control
