// `api-gateway drill`: plays incidents against a stack that is marked for it, and tells whether
// they were noticed, held and recovered from within the runbook's times.
#pragma once

#include "cli/audit_command.hpp"

namespace gw::cli {

void add_drill_command(CLI::App& app, Chosen& chosen);

}  // namespace gw::cli
