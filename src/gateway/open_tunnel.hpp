// The handshake of a WebSocket, from a decided request to a Tunnel or to the answer that the
// service gave instead.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// As forward(), for a request with x.websocket. The service is asked once, on a connection of its
// own; it is given nothing of what the client may have sent behind its request before it has
// answered 101 as RFC 6455, 4.2.2 wants it.
net::Task<Result<void>> open_tunnel(Exchange& x);

}  // namespace gw::gateway
