// bench_relay <port> <upstream port>: the floor that every proxy is measured against.
//
// Bytes from a client go to an upstream connection of its own, and back; nothing is read into. A
// request costs four socket calls and its share of an epoll_wait: two reads, two writes.
// Edge-triggered, and a read that did not fill the buffer has emptied the socket, so no call is
// ever made to be told "nothing there". When either end closes, both are closed: enough for a
// benchmark, too little for a proxy.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "sockets.hpp"

namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

struct Pair;

struct End {
    int fd = -1;
    End* peer = nullptr;
    Pair* pair = nullptr;
    std::string
        unsent;  // what this end's socket would not take yet; its peer is not read meanwhile
};

struct Pair {
    End client;
    End upstream;
};

std::array<char, 16384> buffer;

// Moves what `from` has to its peer until it is empty or the peer is full. False: the pair is
// finished.
bool pump(const End& from) {
    End& to = *from.peer;
    while (to.unsent.empty()) {
        const ssize_t got = ::recv(from.fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
            return got < 0 && errno == EAGAIN;
        }
        ssize_t sent = ::send(to.fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
        sent = std::max<ssize_t>(sent, 0);
        to.unsent.assign(buffer.data() + sent, static_cast<std::size_t>(got - sent));
        if (static_cast<std::size_t>(got) < buffer.size()) {
            return true;
        }
    }
    return true;
}

bool flush(End& end) {
    const ssize_t sent = ::send(end.fd, end.unsent.data(), end.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) {
        return errno == EAGAIN;
    }
    end.unsent.erase(0, static_cast<std::size_t>(sent));
    return !end.unsent.empty() || pump(*end.peer);
}

void accept_all(int epoll, int listener, int upstream_port) {
    for (;;) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            return;
        }
        const int upstream = bench::connect_to(upstream_port);
        if (upstream < 0) {
            ::close(client);
            continue;
        }
        bench::send_at_once(client);
        ::fcntl(upstream, F_SETFL, O_NONBLOCK);
        auto* pair = new Pair;
        pair->client = {client, &pair->upstream, pair, {}};
        pair->upstream = {upstream, &pair->client, pair, {}};
        for (End* end : {&pair->client, &pair->upstream}) {
            epoll_event event{.events = kEvents, .data = {.ptr = end}};
            ::epoll_ctl(epoll, EPOLL_CTL_ADD, end->fd, &event);
        }
    }
}

// A closed pair stays in memory until the turn is over: later events of it may still name its ends.
void close_both(Pair& pair, std::vector<Pair*>& closed) {
    ::close(std::exchange(pair.client.fd, -1));
    ::close(std::exchange(pair.upstream.fd, -1));
    closed.push_back(&pair);
}

void turn(int epoll, int listener, int upstream_port) {
    std::array<epoll_event, 256> events{};
    std::vector<Pair*> closed;
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) {
            accept_all(epoll, listener, upstream_port);
            continue;
        }
        End& end = *static_cast<End*>(event.data.ptr);
        if (end.fd < 0) {
            continue;
        }
        bool open = (event.events & EPOLLOUT) == 0 || end.unsent.empty() || flush(end);
        open = open && ((event.events & EPOLLIN) == 0 || pump(end));
        if (!open || (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
            close_both(*end.pair, closed);
        }
    }
    for (const Pair* pair : closed) {
        delete pair;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: bench_relay <port> <upstream port>\n", stderr);
        return 2;
    }
    const int listener = bench::listen_on(bench::number(argv[1]));
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        turn(epoll, listener, bench::number(argv[2]));
    }
}
