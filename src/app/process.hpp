// The process: builds all parts in order, serves, drains, stops.
#pragma once

#include <string>

namespace gw::app {

struct RunArguments {
    std::string config_path;
};

// Runs until told to stop; returns the exit status.
int run_process(const RunArguments& arguments);

}  // namespace gw::app
