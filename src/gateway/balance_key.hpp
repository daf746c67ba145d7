// Which endpoint a request belongs to, of services that are balanced by a key.
#pragma once

#include "gateway/exchange.hpp"
#include "upstream/hash_key.hpp"

namespace gw::gateway {

// The hash of what the key names; of the client's address where the request has no such thing. The
// same in every worker and gateway.
std::uint64_t balance_key(const Exchange& x, const upstream::HashKey& key);

// The value of a cookie in a Cookie field (RFC 6265, 4.2.1), or nothing.
std::string_view cookie_value(std::string_view field, std::string_view name);

}  // namespace gw::gateway
