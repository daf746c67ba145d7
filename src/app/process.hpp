// The process: builds all parts in order, serves, drains, stops.
#pragma once

#include <string>
#include <string_view>

namespace gw::app {

struct RunArguments {
    std::string config_path;
    std::string_view commit = "unknown";  // what this program was built from
};

// Runs until told to stop; returns the exit status.
int run_process(const RunArguments& arguments);

}  // namespace gw::app
