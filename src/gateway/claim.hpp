// A request's question to the store: am I the first?
#pragma once

#include <optional>
#include <string>

#include "gateway/exchange.hpp"
#include "gateway/idempotency_store.hpp"

namespace gw::gateway {

// Puts `claim` under `key` if nothing is there, for as long as `ttl`. Nothing: the store does not
// answer in time; what it puts there later is taken away again. The shard has an
// idempotency_store().
net::Task<std::optional<IdempotencyStore::Claimed>> ask_claim(Exchange& x, std::string key,
                                                              std::string claim, Millis ttl);

}  // namespace gw::gateway
