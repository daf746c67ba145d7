// Copies of requests for another service (`mirror` of a route), whose answers are dropped. A copy
// is made of what is there already, and is sent a moment later: the request itself is neither
// delayed nor changed by it, and neither of the two knows how the other ends.
#pragma once

#include "gateway/mirror_options.hpp"

namespace gw::gateway {

// Sends a copy of the request, or counts why there is none. Nothing of x is used afterwards.
void mirror(Exchange& x, const MirrorOptions& options);

}  // namespace gw::gateway
