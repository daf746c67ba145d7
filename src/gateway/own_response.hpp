// The only place that writes responses of our own.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// What a verdict other than go_on() says: the refusal as a problem, or the stage's own answer.
net::Task<void> respond(Exchange& x, Verdict verdict);

// What a failure on the way to or from the service means for the client: a refusal, or, when the
// response has begun, one that is visibly cut short.
net::Task<void> respond_to(Exchange& x, Error error);

}  // namespace gw::gateway
