// What a drill finds, and how that is shown. Pure.
//
// A drill plays one incident of docs/runbooks against a running stack. Each step is something that
// an operator would look for or do, with the time that it may take.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace gw::cli {

enum class DrillPhase : std::uint8_t {
    cause,    // the incident is there
    notice,   // a metric, an alert or a line of the log says so
    hold,     // what must be so meanwhile
    act,      // what the runbook does about it has taken effect
    recover,  // all is as before
};
std::string_view name_of(DrillPhase phase);

struct DrillStep {
    DrillPhase phase = DrillPhase::cause;
    std::string what;
    bool passed = false;
    Millis took{0};     // since the incident began, or since something was done about it
    Millis within{0};   // what the runbook allows
    std::string found;  // failed: what was there instead
};

struct DrillResult {
    std::string name;
    std::string page;  // of docs/runbooks
    std::vector<DrillStep> steps;
    std::string refused;  // why it was not played; empty: it was

    [[nodiscard]] bool passed() const;
};

std::string results_as_text(const std::vector<DrillResult>& results);
std::string results_as_json(const std::vector<DrillResult>& results);
// A table for docs/drills.md.
std::string results_as_markdown(const std::vector<DrillResult>& results);

// "1.2 s", "15 min"
std::string drill_time(Millis time);

}  // namespace gw::cli
