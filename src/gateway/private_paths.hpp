// What services offer only to each other: `internal` anywhere in a path, and `metrics` right below
// a route's base. Segments are read the way a careless service might: decoded as often as it takes,
// in any case.
#pragma once

#include "gateway/exchange.hpp"
#include "gateway/text_template.hpp"

namespace gw::gateway {

// Does the request lead there, by the path that came or by the one that its service will see?
bool leads_to_private_path(const Exchange& x);
// The same where a template wrote that path: `metrics` right below its fixed beginning counts too.
bool leads_to_private_path(const Exchange& x, const PathTemplate& written_by);

}  // namespace gw::gateway
