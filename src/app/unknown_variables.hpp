// Environment variables that look like ours and are not: slips of a finger, which would otherwise
// pass in silence.
#pragma once

#include "config/reader.hpp"

namespace gw::app {

// Reports them as mistakes. To be called last, when every field has declared its variable.
void check_unknown_variables(config::Reading& reading);

}  // namespace gw::app
