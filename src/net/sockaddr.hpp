// Addresses to and from the kernel's form.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/stream.hpp"

namespace gw::net {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_storage);
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
    [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const Address& address);
Address to_address(const SocketAddress& address);
// Where a socket of ours is bound.
Address local_address(int fd);

}  // namespace gw::net
