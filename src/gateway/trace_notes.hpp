// What a traced request leaves for its trace. Requests that are not traced pay one test of a
// pointer.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// A stage has waited since `began`.
void note_wait(Exchange& x, std::string_view stage, Instant began);

// A try at the service begins: it gets an id of its own, which the service will see.
void note_try(Exchange& x);
// It has ended. endpoint: null if none was reached. done: its result.
void note_tried(Exchange& x, const net::Address* endpoint, const Result<void>& done);

// The request has ended: its trace goes on its way, if it has one, or failed.
void send_trace(Exchange& x, const Outcome& outcome, Instant now);

}  // namespace gw::gateway
