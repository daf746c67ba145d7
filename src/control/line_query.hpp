// Which log lines somebody wants to watch, as the query of /admin/v1/tail says it:
// user=, tenant=, address=, route=, status=, text=, and only=requests or only=events.
#pragma once

#include <string_view>

#include "observe/log_tap.hpp"

namespace gw::control {

// What is not understood is passed over; of what comes twice the last counts.
observe::LineFilter read_filter(std::string_view query);

}  // namespace gw::control
