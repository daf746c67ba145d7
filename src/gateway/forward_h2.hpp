// To a service that speaks HTTP/2: as forward(), on connections that requests share.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

net::Task<Result<void>> forward_over_h2(Exchange& x);

}  // namespace gw::gateway
