// Runs the stages: downwards for a request, upwards for its response.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

net::Task<Verdict> decide(Exchange& x);

// Before the response's head goes out. Stages that the request passed see it, the last one first.
void on_response(Exchange& x);

}  // namespace gw::gateway
