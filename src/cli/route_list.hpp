// The routes for a reader: which requests go where, by path.
#pragma once

#include <string>
#include <vector>

#include "gateway/route_options.hpp"

namespace gw::cli {

std::string routes_as_table(const std::vector<gateway::RouteOptions>& routes);
std::string routes_as_json(const std::vector<gateway::RouteOptions>& routes);

}  // namespace gw::cli
