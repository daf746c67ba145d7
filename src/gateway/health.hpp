// Health of the process, as the public and the admin port tell it. Made from a report that the
// control thread publishes; nothing here depends on a service behind the gateway or on the state
// store being there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/arena.hpp"
#include "base/clock.hpp"

namespace gw::gateway {

struct HealthReport {
    std::string body;      // of /health: a JSON object up to the value of its last member, "uptime"
    bool started = false;  // a usable configuration is in force
    bool draining = false;
    WallTime since{};
};

struct HealthAnswer {
    int status = 200;
    std::string_view body;  // a literal, or in the arena
};

// Nothing if `path` is no health endpoint.
std::optional<HealthAnswer> health_answer(std::string_view path, const HealthReport& report,
                                          WallTime now, Arena& arena);

}  // namespace gw::gateway
