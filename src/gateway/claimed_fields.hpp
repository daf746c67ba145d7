// Fields of clients that go no further: those that only the gateway may set, such as X-User-Id, and
// those that are for one connection. No service sees them; that somebody sends them is told once
// for each request: where its head is built for the service, before an answer of our own, or at its
// end where there was neither.
// What the gateway asks by itself, or in parts, is nobody's attempt. The worker of the exchange.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Counts a field that is dropped. name: as http::identity_name() gave it. True: it claims to be
// somebody, and report_claims() is due once for all of them.
bool count_dropped(Exchange& x, std::string_view name);
void report_claims(Exchange& x);
// Nothing for a field that belongs to every message, and for the Upgrade of a WebSocket, which is
// heeded.
void count_hop_by_hop(Exchange& x, const http::Field& field);

// All of it, for a request that no service has been asked for; once.
void tell_of_dropped(Exchange& x);

}  // namespace gw::gateway
