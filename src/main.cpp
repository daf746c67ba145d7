#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "config/environment.hpp"

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    const gw::config::Environment environment = gw::config::Environment::of_process();
    return gw::cli::run_command_line(arguments, {std::cout, std::cerr, environment});
}
