#include "net/listener.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/sockaddr.hpp"

namespace gw::net {

namespace {

// What the kernel may hold for one connection beyond what is on its way: of a client that reads
// nothing it would take up to 4 MiB, which no limit on the process sees. Not SO_SNDBUF: that would
// bound what is on its way as well, and with it the rate over long routes. Half of it has to leave
// before there is room again, which at a gigabit a second is half a millisecond.
constexpr int kUnsentMost = 128 * 1024;

Result<Fd> listen_at(const Address& address, bool shared) {
    const int family = address.ip.is_v4() ? AF_INET : AF_INET6;
    Fd socket{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket.valid()) {
        return fail(Errc::exhausted, Fault::self, "no descriptor for a listener");
    }
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) {
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (family == AF_INET6) {
        // "::" serves IPv4 clients as well.
        const int off = 0;
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    const SocketAddress at = to_socket_address(address);
    if (::bind(socket.get(), at.get(), at.length) != 0) {
        return fail(Errc::system, Fault::self,
                    errno == EADDRINUSE ? "the port is taken by another program"
                    : errno == EACCES   ? "no permission to use that port"
                                        : "the address cannot be bound");
    }
    constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn
    if (::listen(socket.get(), kBacklog) != 0) {
        return fail(Errc::system, Fault::self, "the port is taken by another program");
    }
    return socket;
}

}  // namespace

Result<Fd> listen_on(const Address& address) {
    return listen_at(address, true);
}

Result<Fd> listen_alone(const Address& address) {
    return listen_at(address, false);
}

Listener::Listener(Loop& loop, Fd socket, ConnectionBudget& budget, Acceptor& acceptor)
    : loop_(loop), socket_(std::move(socket)), budget_(budget), acceptor_(acceptor) {
    // What is accepted here inherits it, without a call for each. Also a listener that another
    // process has made comes by here.
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentMost, sizeof kUnsentMost);
    resume();
}

Listener::~Listener() {
    if (socket_.valid()) {
        loop_.forget(socket_.get(), *this);
    }
}

Fd Listener::take_socket() {
    pause_timer_.disarm();
    loop_.forget(socket_.get(), *this);
    return std::move(socket_);
}

void Listener::resume() {
    // Level-triggered: after a pause, connections that wait are announced again.
    if (!loop_.watch(socket_.get(), EPOLLIN, *this)) {
        pause_timer_.disarm();
        loop_.timers().arm(pause_timer_, loop_.now() + kPause);
    }
}

void Listener::pause() {
    loop_.forget(socket_.get(), *this);
    loop_.timers().arm(pause_timer_, loop_.now() + kPause);
}

void Listener::on_events(std::uint32_t /*events*/) {
    for (int i = 0; i < kAcceptsPerTurn && accept_one(); ++i) {
    }
}

void Listener::take_all() {
    while (accept_one()) {
    }
}

bool Listener::accept_one() {
    if (!budget_.enter()) {
        // Behind the connection that took the last place there may be nobody.
        pollfd queue{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&queue, 1, 0) <= 0) {
            return false;
        }
        acceptor_.out_of_budget();
        pause();
        return false;
    }
    SocketAddress from;
    Fd connection{::accept4(socket_.get(), from.get(), &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!connection.valid()) {
        const int error = errno;
        budget_.leave();
        if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
            pause();
            return false;
        }
        // Any other error is that one connection's, which failed before it was ours.
        return error != EAGAIN && error != EWOULDBLOCK;
    }
    const int on = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    acceptor_.accepted(std::move(connection), to_address(from));
    return true;
}

}  // namespace gw::net
