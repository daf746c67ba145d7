// Answers a request with several services' answers in one (`aggregate` of a route). Each part is a
// request of its own, that goes the way of any other (forward.hpp): breaker, turn, endpoint, tries,
// who calls, and whose it is.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Sends the whole, or, where a required part failed, what that means. The request has passed all
// stages and x.aggregate is set.
net::Task<void> answer_in_parts(Exchange& x);

}  // namespace gw::gateway
