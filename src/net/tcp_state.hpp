// What the kernel knows of a TCP connection.
#pragma once

#include <cstdint>
#include <optional>

namespace gw::net {

// How many of the bytes that were written the peer's kernel has acknowledged (RFC 9293, 3.4): what
// it has not, nobody can have read. May be one too high, for the SYN. Nothing where the socket is
// no TCP socket.
std::optional<std::uint64_t> acknowledged_bytes(int fd);

}  // namespace gw::net
