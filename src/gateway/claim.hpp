// A request's question to the store: am I the first?
#pragma once

#include <expected>
#include <string>

#include "gateway/exchange.hpp"
#include "gateway/idempotency_store.hpp"

namespace gw::gateway {

// Puts `claim` there if nothing is, for as long as `ttl`. An error: why the store does not tell in
// time; what it puts there later is taken away again. Waits two seconds at most, and half of what
// is left of the request's time. The shard has an idempotency_store().
net::Task<std::expected<IdempotencyStore::Claimed, Unclaimed>> ask_claim(Exchange& x,
                                                                         ClaimPlace place,
                                                                         std::string claim,
                                                                         Millis ttl);

// The request goes on all the same: it is counted, and told of.
void go_unguarded(Exchange& x, Unclaimed why);

}  // namespace gw::gateway
