// Fetches anew, behind a request that was answered with what is still good enough, what is kept for
// it (RFC 5861, 3).
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Begins it, unless somebody does so already. Nothing of x is used afterwards.
void refresh_behind(Exchange& x);

}  // namespace gw::gateway
