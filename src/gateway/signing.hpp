// The signature by which services know that a request came through the gateway, as the fields
// X-Internal-*. Only where a secret is configured.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Holds the body and hashes it, or marks it as too large for that. Errors: those of read_body().
net::Task<Result<void>> hash_body(Exchange& x);

// False: too many fields.
bool add_signature(Exchange& x, http::RequestHead& out);

// The request that is kept for sending once more, signed anew: a service takes each nonce once.
void renew_signature(Exchange& x);

}  // namespace gw::gateway
