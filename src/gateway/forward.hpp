// From a decided request to an answer: endpoint, connection, attempt, and, where it is safe,
// another attempt.
#pragma once

#include "gateway/client_watch.hpp"
#include "gateway/exchange.hpp"
#include "upstream/breaker_call.hpp"
#include "upstream/endpoint.hpp"

namespace gw::gateway {

// Success: the response has gone out, whole or visibly cut short. An error: nothing has, unless
// stream.responded().
net::Task<Result<void>> forward(Exchange& x);

// Parts of it, for what is forwarded in other ways.

// A new connection to the service: to `endpoint`, or to others if that fails.
net::Task<Result<upstream::Lease>> open(Exchange& x, ClientWatch& watch,
                                        upstream::Endpoint* endpoint, std::uint64_t key);
std::unexpected<Error> refused_by_breaker(Exchange& x, const upstream::BreakerCall& call);

}  // namespace gw::gateway
