// One attempt: the request up, the response down, both bodies at once, each as fast as the slower
// side takes it.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// first: the part of the client's body that is already here. body_read: set once more of it has
// been taken from the client than `first`: from then on the request cannot be sent again.
net::Task<Result<void>> relay(Exchange& x, http::ClientStream& service, http::BodyPart first,
                              bool& body_read);

}  // namespace gw::gateway
