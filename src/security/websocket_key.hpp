// The handshake's proof that a service speaks WebSocket and has read this very request (RFC 6455,
// 4.2.2). No secret: SHA-1 does here what the protocol says, and protects nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::security {

// Is it what a client may send: 16 bytes in base64, one spelling each (RFC 6455, 4.2.1)?
bool is_websocket_key(std::string_view key);

// One that is made of these bits.
std::string make_websocket_key(std::uint64_t high, std::uint64_t low);

// What a service answers to that key, as Sec-WebSocket-Accept.
std::string websocket_accept(std::string_view key);

}  // namespace gw::security
