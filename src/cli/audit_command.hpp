// `api-gateway audit verify FILE` and `api-gateway api-key`.
#pragma once

#include <CLI/App.hpp>
#include <functional>

#include "cli/commands.hpp"

namespace gw::cli {

// What the command line asked for: set when it is read, run afterwards.
using Chosen = std::function<int(Terminal& terminal)>;

void add_audit_command(CLI::App& app, Chosen& chosen);
void add_api_key_command(CLI::App& app, Chosen& chosen);

}  // namespace gw::cli
