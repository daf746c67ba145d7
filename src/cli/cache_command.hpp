// `cache purge`: what is kept is forgotten, by every gateway that shares the state.
#pragma once

#include "cli/audit_command.hpp"

namespace gw::cli {

void add_cache_command(CLI::App& app, Chosen& chosen);

}  // namespace gw::cli
