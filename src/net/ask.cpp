#include "net/ask.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

#include "net/fd.hpp"
#include "net/sockaddr.hpp"

namespace gw::net {
namespace {

bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string reason_of(int error) {
    return error == EAGAIN || error == EINPROGRESS ? "it takes too long"
                                                   : std::generic_category().message(error);
}

std::expected<Fd, std::string> connected(const Address& address, Millis within) {
    const SocketAddress to = to_socket_address(address);
    Fd fd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{.tv_sec = within.count() / 1'000,
                        .tv_usec = (within.count() % 1'000) * 1'000};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(fd.get(), to.get(), to.length) != 0) {
        return std::unexpected(reason_of(errno));
    }
    return fd;
}

// A connection over which the question has gone out.
std::expected<Fd, std::string> asked(const Address& address, std::string_view request,
                                     Millis within) {
    std::expected<Fd, std::string> fd = connected(address, within);
    if (fd && !send_all(fd->get(), request)) {
        return std::unexpected(reason_of(errno));
    }
    return fd;
}

std::vector<Address> addresses_of(const addrinfo* list, std::uint16_t port) {
    std::vector<Address> found;
    for (; list != nullptr; list = list->ai_next) {
        SocketAddress one;
        if (list->ai_addrlen <= sizeof one.storage) {
            std::memcpy(&one.storage, list->ai_addr, list->ai_addrlen);
            one.length = list->ai_addrlen;
            found.push_back({to_address(one).ip, port});
        }
    }
    return found;
}

}  // namespace

std::expected<std::string, std::string> ask_and_wait(const Address& address,
                                                     std::string_view request, Millis within,
                                                     std::size_t bytes_max) {
    const std::expected<Fd, std::string> fd = asked(address, request, within);
    if (!fd) {
        return std::unexpected(fd.error());
    }
    std::string answer;
    std::array<char, 16'384> part{};
    while (answer.size() <= bytes_max) {
        const ssize_t got = ::recv(fd->get(), part.data(), part.size(), 0);
        if (got == 0) {
            return answer;
        }
        if (got < 0) {
            return std::unexpected(reason_of(errno));
        }
        answer.append(part.data(), static_cast<std::size_t>(got));
    }
    return std::unexpected("its answer is too long");
}

std::expected<Address, std::string> find_host(const std::string& host, std::uint16_t port,
                                              Millis within) {
    if (const auto ip = IpAddress::parse(host)) {
        return Address{*ip, port};
    }
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(list, &::freeaddrinfo);
    const std::vector<Address> found = addresses_of(error == 0 ? list : nullptr, port);
    if (found.empty()) {
        return std::unexpected(error == EAI_SYSTEM ? reason_of(errno)
                               : error != 0        ? std::string(::gai_strerror(error))
                                                   : "it has no address");
    }
    for (const Address& one : found) {
        if (found.size() == 1 || connected(one, within)) {
            return one;
        }
    }
    return found.front();
}

std::expected<Conversation, std::string> Conversation::begin(const Address& address,
                                                             std::string_view request,
                                                             Millis within) {
    std::expected<Fd, std::string> fd = asked(address, request, within);
    return fd ? std::expected<Conversation, std::string>(Conversation(std::move(*fd)))
              : std::unexpected(std::move(fd.error()));
}

std::expected<Conversation::Heard, std::string> Conversation::wait(int other, Millis at_most) {
    std::array<pollfd, 2> waits{{{fd_.get(), POLLIN, 0}, {other, POLLIN, 0}}};
    Heard heard;
    const int ready = ::poll(waits.data(), other < 0 ? 1 : 2, static_cast<int>(at_most.count()));
    if (ready < 0 && errno != EINTR) {
        return std::unexpected(reason_of(errno));
    }
    if (ready <= 0) {
        return heard;
    }
    heard.other = other >= 0 && waits[1].revents != 0;
    if (waits[0].revents == 0) {
        return heard;
    }
    std::array<char, 65'536> part{};
    const ssize_t got = ::recv(fd_.get(), part.data(), part.size(), MSG_DONTWAIT);
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
        return std::unexpected(reason_of(errno));
    }
    heard.ended = got == 0;
    heard.bytes.assign(part.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    return heard;
}

}  // namespace gw::net
