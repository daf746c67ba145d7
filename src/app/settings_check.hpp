// What one setting alone cannot say: whether settings fit each other, and whether what they name is
// there. Every mistake is blamed at its place; nothing is thrown. At start and at a reload, on the
// control thread.
#pragma once

#include "app/settings.hpp"
#include "config/reader.hpp"

namespace gw::app {

// All of it but what check_files() looks at. Loads what files of certificates and keys hold into
// the settings. readable: the file was YAML, so that what it does not name is missing.
void check_settings(config::Reader& root, Settings& settings, bool readable);

// Of that, the routes; reads the options of their stages.
void check_routes(config::Reader& root, Settings& settings);

// Files that are written: that each is another one, and none that is read. secrets: of those, the
// ones that variables named.
void check_files(config::Reader& root, const Settings& settings,
                 const config::SecretFiles& secrets);

// Tokens of operators and viewers. A viewer's own shell has his alone, which is well for a look; a
// gateway with that would have no admin API for him.
void check_admin_tokens(config::Reader& root, const Settings& settings, Purpose purpose);

}  // namespace gw::app
