// `api-gateway bans`, `ban` and `unban`: the ledger of bans, over the gateway's port for redis-cli.
#pragma once

#include "cli/audit_command.hpp"

namespace gw::cli {

void add_ban_commands(CLI::App& app, Chosen& chosen);

}  // namespace gw::cli
