// Fields of clients that only the gateway may set, such as X-User-Id. No service sees them; that
// somebody sends them is told once for each request: where its head is built for the service, or
// where there is no such head. What the gateway asks by itself, or in parts, is nobody's attempt.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Counts a field that is dropped. name: as http::identity_name() gave it. True: it claims to be
// somebody, and report_claims() is due once for all of them.
bool count_dropped(Exchange& x, std::string_view name);
void report_claims(Exchange& x);

// Both, for a request that is answered from memory or in parts.
void tell_of_claims(Exchange& x);

}  // namespace gw::gateway
