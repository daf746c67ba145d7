// Environment variables as files: each file of a folder that is named like a variable is one, and
// holds its value. So Kubernetes mounts a ConfigMap or a Secret, and unlike a process's environment
// such a folder changes while the process runs.
#pragma once

#include <expected>
#include <string>

#include "config/environment.hpp"
#include "config/mistake.hpp"

namespace gw::config {

// The variable that names the folder.
inline constexpr const char* kVariablesDir = "VARIABLES_DIR";

// One line break at the end of a file is no part of the value that it holds, as other systems write
// it (CR LF), too.
void cut_line_break(std::string& text);

// What the files of that folder say; nothing where `environment` names none. Files with other names
// (gateway.yaml, ..data), folders and devices are passed over; one that cannot be read or is larger
// than 64 KiB is a flaw. Blocks for the reading; while starting and reloading.
std::expected<Environment::Values, Flaw> read_variable_folder(const Environment& environment);

}  // namespace gw::config
