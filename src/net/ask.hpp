// One question over TCP, and the whole answer, or one that goes on, for commands of the terminal:
// it blocks, and no thread that serves requests may use it.
#pragma once

#include <expected>
#include <string>

#include "base/clock.hpp"
#include "net/fd.hpp"
#include "net/stream.hpp"

namespace gw::net {

// Sends `request` and reads until the peer ends the connection. Errors: what the system says, it
// took longer than `within` (for each step), or more than bytes_max came.
std::expected<std::string, std::string> ask_and_wait(const Address& address,
                                                     std::string_view request, Millis within,
                                                     std::size_t bytes_max);

// Where `host`, a name or an address, takes connections at that port: of the addresses of a name
// the first that does, or else the first. Errors: the name has none; what the system says. Blocks
// for the look-up, and `within` for each address.
std::expected<Address, std::string> find_host(const std::string& host, std::uint16_t port,
                                              Millis within);

// A question whose answer goes on.
class Conversation {
  public:
    static std::expected<Conversation, std::string> begin(const Address& address,
                                                          std::string_view request, Millis within);

    struct Heard {
        std::string bytes;
        bool ended = false;  // by the peer
        bool other = false;  // the other descriptor can be read
    };
    // What comes next, if anything does within that time. other: -1 for none. A signal ends the
    // wait, too.
    std::expected<Heard, std::string> wait(int other, Millis at_most);

  private:
    explicit Conversation(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace gw::net
