// recv, send and sendmsg without pthread cancellation: in a program with threads, glibc's own
// wrappers mark the thread as cancellable around each call, which is about two hundredths of a
// proxied request. Nothing here is ever cancelled.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <span>
#include <string_view>

namespace gw::net {

// As the calls of the same name: bytes moved, or -1 and errno.
inline ssize_t socket_receive(int fd, std::span<char> into) {
    return ::syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
}
inline ssize_t socket_send(int fd, std::string_view bytes) {
    return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
}
inline ssize_t socket_send(int fd, const msghdr& message) {
    return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

}  // namespace gw::net
