// The command line: what `api-gateway` can be told to do.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "config/environment.hpp"

namespace gw::cli {

// Where commands write, and what they see of the world besides files.
struct Terminal {
    std::ostream& out;
    std::ostream& err;
    const config::Environment& environment;
    std::string_view commit = "unknown";  // what this program was built from
};

// Statuses of the process.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;       // the configuration has mistakes, or it could not be done
inline constexpr int kMisused = 2;      // the command line has
inline constexpr int kUnreachable = 3;  // the gateway does not answer

// arguments: without the program's name. What could not be written is a failure, however well the
// rest went.
int run_command_line(std::span<const std::string> arguments, Terminal terminal);

// The configuration file: as named, else CONFIG_FILE, else the first that exists of
// config/gateway.yaml and /etc/api-gateway/gateway.yaml.
std::string find_config(const std::string& named, const config::Environment& environment);

}  // namespace gw::cli
