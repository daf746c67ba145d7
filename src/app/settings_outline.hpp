// Everything that the configuration file may hold, as data: the settings and, among those of a
// route, the options of the stages. The JSON Schema and the reference page are made of it.
#pragma once

#include "config/outline.hpp"

namespace gw::app {

config::Outline settings_outline();

}  // namespace gw::app
