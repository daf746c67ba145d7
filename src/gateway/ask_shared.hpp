// A request's question to the answers that all gateways share.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Looks for what this request would have to fetch; waits a little while another gateway fetches it.
// True: it is kept here now. False: it is for us to fetch, or the store does not answer in time.
// The request fills its place (CacheWork::asks_shared()).
net::Task<bool> ask_others(Exchange& x);

}  // namespace gw::gateway
