#include "net/connector.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/sockaddr.hpp"

namespace gw::net {

// --------------------------------------------------------------------------------------------------

Connector::Connector(Loop& loop, const Address& address, Instant deadline)
    : loop_(loop), address_(address), deadline_(deadline) {}

Connector::~Connector() {
    forget();
}

bool Connector::await_ready() {
    const int family = address_.ip.is_v4() ? AF_INET : AF_INET6;
    fd_ = Fd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd_.valid()) {
        error_ =
            Error{Errc::exhausted, Fault::self, Retry::never, "no descriptor for a connection"};
        return true;
    }
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const SocketAddress to = to_socket_address(address_);
    if (::connect(fd_.get(), to.get(), to.length) == 0) {
        return true;
    }
    if (errno != EINPROGRESS) {
        finish(errno);
        return true;
    }
    if (!loop_.watch(fd_.get(), EPOLLOUT | EPOLLET, *this)) {
        error_ =
            Error{Errc::exhausted, Fault::self, Retry::never, "no descriptor for a connection"};
        return true;
    }
    watched_ = true;
    return false;
}

void Connector::await_suspend(std::coroutine_handle<> handle) {
    waiter_ = handle;
    loop_.timers().arm(timer_, deadline_);
}

void Connector::cancel() {
    if (waiter_) {
        forget();
        timer_.disarm();
        error_ = Error{Errc::cancelled, Fault::upstream, Retry::never, "nobody waits any more"};
        loop_.resume_soon(std::exchange(waiter_, nullptr));
    }
}

void Connector::forget() {
    if (watched_) {
        loop_.forget(fd_.get(), *this);
        watched_ = false;
    }
}

Result<Fd> Connector::await_resume() {
    forget();
    if (error_) {
        return std::unexpected(*error_);
    }
    return std::move(fd_);
}

void Connector::on_events(std::uint32_t /*events*/) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    finish(error);
    timer_.disarm();
    std::exchange(waiter_, nullptr).resume();
}

void Connector::finish(int error) {
    if (error == ECONNREFUSED) {
        error_ = Error{Errc::refused, Fault::upstream, Retry::yes, "connection refused"};
    } else if (error == EADDRNOTAVAIL) {
        error_ = Error{Errc::exhausted, Fault::self, Retry::never, "no local port left"};
    } else if (error != 0) {
        error_ =
            Error{Errc::unreachable, Fault::upstream, Retry::yes, "no connection to the address"};
    }
}

void Connector::ConnectTimer::fired(Timer& timer) {
    Connector& self = static_cast<ConnectTimer&>(timer).connector;
    self.error_ = Error{Errc::timeout, Fault::upstream, Retry::yes, "connect timed out"};
    std::exchange(self.waiter_, nullptr).resume();
}

}  // namespace gw::net
