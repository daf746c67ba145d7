#include "net/activation.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <optional>

namespace gw::net {
namespace {

constexpr int kPassedMax = 64;

std::optional<int> number(std::string_view text) {
    int value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stop == end && value >= 0 ? std::optional(value) : std::nullopt;
}

bool listens(int fd) {
    int on = 0;
    int type = 0;
    socklen_t length = sizeof on;
    socklen_t type_length = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length) == 0 && on != 0 &&
           ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 && type == SOCK_STREAM;
}

}  // namespace

Result<std::vector<std::string>> passed_names(const config::Environment& environment, int pid) {
    const std::string* const fds = environment.find("LISTEN_FDS");
    const std::string* const whose = environment.find("LISTEN_PID");
    std::vector<std::string> names;
    if (fds == nullptr || whose == nullptr) {
        return names;
    }
    const std::optional<int> count = number(*fds);
    const std::optional<int> owner = number(*whose);
    if (!count || !owner || *count > kPassedMax) {
        return fail(Errc::malformed, Fault::self, "LISTEN_FDS and LISTEN_PID are no numbers");
    }
    if (*owner != pid) {
        return names;  // meant for the process that started us
    }
    const std::string* const given = environment.find("LISTEN_FDNAMES");
    std::string_view left = given != nullptr ? std::string_view(*given) : std::string_view();
    for (int i = 0; i < *count; ++i) {
        const std::size_t end = std::min(left.find(':'), left.size());
        const std::string_view name = left.substr(0, end);
        names.emplace_back(name == "admin" || name == "resp" || name == "tls" ? name : "public");
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return names;
}

Result<std::vector<NamedSocket>> passed_sockets(const config::Environment& environment) {
    Result<std::vector<std::string>> names = passed_names(environment, ::getpid());
    if (!names) {
        return std::unexpected(names.error());
    }
    std::vector<NamedSocket> sockets;
    int next = kFirstPassed;
    for (std::string& name : *names) {
        const int fd = next++;
        if (!listens(fd)) {
            return fail(Errc::system, Fault::self,
                        "a passed descriptor is no listening stream socket");
        }
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
        sockets.push_back({std::move(name), Fd{fd}});
    }
    return sockets;
}

Fd same_socket(const Fd& socket) {
    return Fd{::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)};
}

void tell_manager(const config::Environment& environment, const char* state) {
    const std::string* const path = environment.find("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || path->size() >= sizeof address.sun_path) {
        return;
    }
    const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path[0], path->data(), path->size());
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';  // a name in the abstract namespace
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path->size());
    ::sendto(socket.get(), state, std::strlen(state), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace gw::net
