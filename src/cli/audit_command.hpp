// `api-gateway audit verify FILE` and `api-gateway api-key`.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <optional>
#include <string>

#include "cli/commands.hpp"

namespace gw::cli {

// What the command line asked for: set when it is read, run afterwards.
using Chosen = std::function<int(Terminal& terminal)>;

// AUDIT_SECRET, or what the file says that AUDIT_SECRET_FILE names; empty: there is none. Nothing,
// after saying why, if that cannot be read.
std::optional<std::string> read_audit_secret(const Terminal& terminal);

void add_audit_command(CLI::App& app, Chosen& chosen);
void add_api_key_command(CLI::App& app, Chosen& chosen);

}  // namespace gw::cli
