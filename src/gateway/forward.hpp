// From a decided request to an answer: endpoint, connection, attempt, and, where it is safe,
// another attempt.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Success: the response has gone out, whole or visibly cut short. An error: nothing has, unless
// stream.responded().
net::Task<Result<void>> forward(Exchange& x);

}  // namespace gw::gateway
