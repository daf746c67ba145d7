// What one setting alone cannot say: whether settings fit each other, and whether what they name is
// there. Every mistake is blamed at its place; nothing is thrown. At start and at a reload, on the
// control thread.
#pragma once

#include "app/settings.hpp"
#include "config/reader.hpp"

namespace gw::app {

// All of it. Loads what files of certificates and keys hold into the settings. readable: the file
// was YAML, so that what it does not name is missing.
void check_settings(config::Reader& root, Settings& settings, bool readable);

// Of that, the routes; reads the options of their stages.
void check_routes(config::Reader& root, Settings& settings);

}  // namespace gw::app
