// What is made of the command line itself: the page of the commands (docs/cli.md) and the words
// that a shell completes.
#pragma once

#include "cli/audit_command.hpp"

namespace gw::cli {

// Markdown: every command with its help, as --help prints it.
std::string command_page(const CLI::App& app);

// `completion bash|zsh|fish`; after all other commands.
void add_completion_command(CLI::App& app, Chosen& chosen);

}  // namespace gw::cli
