#include "net/tcp_state.hpp"

#include <linux/tcp.h>  // the C library's tcp_info ends before what is wanted here
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace gw::net {

std::optional<std::uint64_t> acknowledged_bytes(int fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    constexpr std::size_t kNeeded = offsetof(tcp_info, tcpi_bytes_acked) + sizeof(std::uint64_t);
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < kNeeded) {
        return std::nullopt;
    }
    return info.tcpi_bytes_acked;
}

}  // namespace gw::net
