// Environment variables that are part of the interface but belong to capabilities which this
// version lacks. They are checked like all others, so that a deployment can be written once, and
// reported as not used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/reader.hpp"

namespace gw::app {

// Reports bad values as mistakes; returns the names that are set, in order.
std::vector<std::string> check_upcoming(config::Reading& reading);

// Reports variables that look like ours and are not. To be called last, when every field has
// declared its variable.
void check_unknown_variables(config::Reading& reading);

// For the reference page: name and kind of each.
struct UpcomingVariable {
    std::string_view name;
    std::string_view kind;
};
std::vector<UpcomingVariable> upcoming_variables();

}  // namespace gw::app
