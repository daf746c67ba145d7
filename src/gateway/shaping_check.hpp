// What the sections of a route that shape its traffic have to fit: the route's path, its service,
// and each other.
#pragma once

#include <functional>
#include <optional>

#include "gateway/route_options.hpp"

namespace gw::gateway {

// What is wrong with the name of a service; nothing if it is one.
using ServiceFlaw = std::function<std::optional<config::Flaw>(std::string_view name)>;

// Mistakes go to the route's reader. Behind read_stage_options().
void check_shaping(RouteOptions& route, const ServiceFlaw& service_flaw);

}  // namespace gw::gateway
