// One question over TCP, and the whole answer, for commands of the terminal: it blocks, and no
// thread that serves requests may use it.
#pragma once

#include <expected>
#include <string>

#include "base/clock.hpp"
#include "net/stream.hpp"

namespace gw::net {

// Sends `request` and reads until the peer ends the connection. Errors: what the system says, it
// took longer than `within` (for each step), or more than bytes_max came.
std::expected<std::string, std::string> ask_and_wait(const Address& address,
                                                     std::string_view request, Millis within,
                                                     std::size_t bytes_max);

}  // namespace gw::net
