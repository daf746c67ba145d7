#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "base/commit.hpp"
#include "cli/commands.hpp"
#include "config/environment.hpp"

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
        const gw::config::Environment environment = gw::config::Environment::of_process();
        return gw::cli::run_command_line(arguments,
                                         {std::cout, std::cerr, environment, gw::kCommit});
    } catch (const std::exception& error) {
        std::cerr << "api-gateway: " << error.what() << '\n';
        return gw::cli::kFailed;
    }
}
