// From a decided request to an answer: endpoint, connection, attempt, and, where it is safe,
// another attempt.
#pragma once

#include "gateway/client_watch.hpp"
#include "gateway/exchange.hpp"
#include "gateway/resend.hpp"
#include "upstream/breaker_call.hpp"
#include "upstream/endpoint.hpp"

namespace gw::gateway {

// Success: the response has gone out, whole or visibly cut short. An error: nothing has, unless
// stream.responded().
net::Task<Result<void>> forward(Exchange& x);

// Parts of it, for what is forwarded in other ways.

// A new connection to the service: to `endpoint`, or to others if that fails, or to the same again,
// as far as `resend` allows. Each failure but the last is counted here, that one by who is told.
net::Task<Result<upstream::Lease>> open(Exchange& x, ClientWatch& watch,
                                        upstream::Endpoint* endpoint, std::uint64_t key,
                                        Resend& resend);
// After a failure to connect, which is counted for the endpoint: where to go at once instead, as
// far as `resend` allows. Null: nowhere.
upstream::Endpoint* next_place(Exchange& x, upstream::Endpoint& failed, const Error& error,
                               std::uint64_t key, Resend& resend);
// Nor was there another place: what the breaker and the counters are told of that.
void tell_unconnected(Exchange& x, upstream::BreakerCall& call, const Error& error);
std::unexpected<Error> refused_by_breaker(Exchange& x, const upstream::BreakerCall& call);

}  // namespace gw::gateway
