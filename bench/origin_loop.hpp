// The loop of a backend of the benchmarks: one thread, edge-triggered, every connection served
// until its socket has nothing more or takes nothing more.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "sockets.hpp"

namespace bench {

// Sends what of `bytes` was not sent yet; once all was, they are empty and `sent` is 0. False: the
// socket takes no more for now (EAGAIN), or never again.
inline bool flush(int fd, std::string& bytes, std::size_t& sent) {
    while (sent < bytes.size()) {
        const ssize_t taken = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (taken < 0) {
            return false;
        }
        sent += static_cast<std::size_t>(taken);
    }
    bytes.clear();
    sent = 0;
    return true;
}

template <class Connection>
void accept_all(int epoll, int listener) {
    constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    for (;;) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        send_at_once(fd);
        epoll_event event{.events = kEvents, .data = {.ptr = new Connection(fd)}};
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

// The whole of such a program's main(). Connection(fd) owns the socket; its advance() reads,
// answers and sends until the socket has nothing more or takes nothing more, and says false when it
// is over.
template <class Connection>
int serve(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s <port>\n", argv[0]);
        return 2;
    }
    const int listener = listen_on(number(argv[1]));
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    std::array<epoll_event, 256> events{};
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            auto* connection =
                static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (connection == nullptr) {
                accept_all<Connection>(epoll, listener);
            } else if (!connection->advance()) {
                delete connection;  // a descriptor has one event a turn, so no other names it
            }
        }
    }
}

}  // namespace bench
