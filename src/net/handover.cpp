#include "net/handover.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <utility>

namespace gw::net {
namespace {

constexpr std::size_t kSocketsMax = 128;
constexpr std::size_t kNamesMax = 4096;
constexpr Millis kRetryEvery{100};  // until the process before us has let go of the name

struct UnixAddress {
    sockaddr_un address{};
    socklen_t length = 0;
};

UnixAddress meeting_place(std::uint16_t port) {
    const std::string name =
        "api-gateway/" + std::to_string(::getuid()) + "/" + std::to_string(port);
    UnixAddress place;
    place.address.sun_family = AF_UNIX;
    std::memcpy(&place.address.sun_path[1], name.data(), name.size());  // a leading NUL: abstract
    place.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    return place;
}

// The process at the other end, if it is the same user's. Names in the abstract namespace are
// anybody's: what another user asks for or offers is not ours.
std::optional<int> trusted_peer(const Fd& peer) {
    ucred who{};
    socklen_t length = sizeof who;
    if (!peer.valid() || ::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0 ||
        who.uid != ::getuid()) {
        return std::nullopt;
    }
    return who.pid;
}

union Control {
    cmsghdr header;
    std::array<char, CMSG_SPACE(sizeof(int) * kSocketsMax)> bytes;
};

// False: the peer is gone.
bool send_sockets(int to, const std::vector<Handover::Offer>& offers) {
    std::string names;
    std::vector<int> fds;
    for (const Handover::Offer& offer : offers) {
        if (fds.size() == kSocketsMax || names.size() + offer.name.size() + 1 > kNamesMax) {
            break;
        }
        names += offer.name + "\n";
        fds.push_back(offer.fd);
    }
    Control control{};
    iovec text{.iov_base = names.data(), .iov_len = names.size()};
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
    return ::sendmsg(to, &message, MSG_NOSIGNAL) > 0;
}

std::vector<NamedSocket> receive_sockets(int from) {
    std::array<char, kNamesMax> names{};
    Control control{};
    iovec text{.iov_base = names.data(), .iov_len = names.size()};
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = sizeof control.bytes;
    const ssize_t got = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
        return {};
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::vector<NamedSocket> sockets;
    std::string_view left{names.data(), static_cast<std::size_t>(got)};
    for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
        const std::size_t end = std::min(left.find('\n'), left.size());
        sockets.push_back({std::string(left.substr(0, end)), Fd{fd}});
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return sockets;
}

// Of a process by its descriptor; not valid: nobody can tell.
bool lives(const Fd& process) {
    pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
    return process.valid() && ::poll(&end, 1, 0) == 0;
}

}  // namespace

std::vector<NamedSocket> take_over(std::uint16_t port) {
    const Fd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    const UnixAddress place = meeting_place(port);
    const auto* address = reinterpret_cast<const sockaddr*>(&place.address);
    if (!socket.valid() || ::connect(socket.get(), address, place.length) != 0 ||
        !trusted_peer(socket)) {
        return {};
    }
    const timeval longest{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
    return receive_sockets(socket.get());
}

Handover::Handover(Loop& loop, std::uint16_t port, std::vector<Offer> offers, Listener listener)
    : loop_(loop), port_(port), offers_(std::move(offers)), listener_(std::move(listener)) {
    open();
}

Handover::~Handover() {
    close();
}

void Handover::close() {
    retry_.disarm();
    if (socket_.valid()) {
        loop_.forget(socket_.get(), *this);
        socket_.reset();
    }
    forget_successor();
}

void Handover::open() {
    Fd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const UnixAddress place = meeting_place(port_);
    const auto* address = reinterpret_cast<const sockaddr*>(&place.address);
    const bool bound = socket.valid() && ::bind(socket.get(), address, place.length) == 0 &&
                       ::listen(socket.get(), 4) == 0;
    if (!bound || !loop_.watch(socket.get(), EPOLLIN, *this)) {
        loop_.timers().arm(retry_, loop_.now() + kRetryEvery);
        return;
    }
    socket_ = std::move(socket);
    if (const auto pid = std::exchange(ended_, std::nullopt)) {
        listener_.back(*pid);
    }
}

void Handover::on_events(std::uint32_t /*events*/) {
    const Fd peer{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    const std::optional<int> pid = trusted_peer(peer);
    if (!pid) {
        return;
    }
    // While it waits for an answer that number is its own. Not valid: its end is not seen.
    // Glibc 2.36 declares pidfd_open() as C++.
    Fd process{static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0))};
    listener_.about_to();
    // Who waits no longer and lives has begun with sockets of its own, and is our successor.
    if (!send_sockets(peer.get(), offers_) && !lives(process)) {
        listener_.back(*pid);
        return;
    }
    // The name is let go before the peer sees the end, so that it can take its turn at once.
    close();
    listener_.done(*pid);
    watch_successor(std::move(process), *pid);
}

void Handover::watch_successor(Fd process, int pid) {
    if (process.valid() && loop_.watch(process.get(), EPOLLIN, successor_)) {
        successor_.process = std::move(process);
        successor_.pid = pid;
    }
}

void Handover::successor_ended() {
    forget_successor();
    // It has been here: who has the name by now is a successor of that one.
    ended_ = successor_.pid;
    open();
}

void Handover::forget_successor() {
    ended_.reset();
    if (successor_.process.valid()) {
        loop_.forget(successor_.process.get(), successor_);
        successor_.process.reset();
    }
}

}  // namespace gw::net
