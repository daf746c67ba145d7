#include "net/resolver.hpp"

#include <ares.h>
#include <netinet/in.h>

#include <cstring>
#include <map>

#include "base/ensure.hpp"

namespace gw::net {

struct Resolver::Channel {
    // A socket of c-ares, told of its readiness.
    struct Socket final : Pollable {
        Socket(Channel& owner, ares_socket_t fd_) : channel(owner), fd(fd_) {}
        void on_events(std::uint32_t events) override {
            const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
            const ares_socket_t readable = broken || (events & EPOLLIN) != 0 ? fd : ARES_SOCKET_BAD;
            const ares_socket_t writable = (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD;
            Channel& owner = channel;  // c-ares may close this socket, and with it this object
            ares_process_fd(owner.channel, readable, writable);
            owner.arm();
        }
        Channel& channel;
        ares_socket_t fd;
    };
    struct Timeout : Timer {
        explicit Timeout(Channel& owner) : Timer(&fired), channel(owner) {}
        static void fired(Timer& timer) {
            Channel& owner = static_cast<Timeout&>(timer).channel;
            ares_process_fd(owner.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
            owner.arm();
        }
        Channel& channel;
    };
    // One question on its way. It lives in the frame of the coroutine that asked.
    struct Query {
        Query(Channel& owner_, const char* host_) : owner(owner_), host(host_) {}
        Channel& owner;
        const char* host;
        Result<Resolution> result{fail(Errc::unreachable, Fault::upstream, "the name is unknown")};
        std::coroutine_handle<> waiter{};
        bool answered = false;

        [[nodiscard]] static bool await_ready() { return false; }
        bool await_suspend(std::coroutine_handle<> handle);
        Result<Resolution> await_resume() { return std::move(result); }
    };

    explicit Channel(Loop& loop_) : loop(loop_) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() {
        if (channel != nullptr) {
            ares_destroy(channel);  // questions on their way end as cancelled
        }
    }

    static void socket_state(void* data, ares_socket_t fd, int readable, int writable);
    static void answered(void* data, int status, int timeouts, ares_addrinfo* info);
    void arm();

    Loop& loop;
    ares_channel channel = nullptr;
    std::map<ares_socket_t, std::unique_ptr<Socket>> sockets;
    Timeout timeout{*this};
};

void Resolver::Channel::socket_state(void* data, ares_socket_t fd, int readable, int writable) {
    Channel& self = *static_cast<Channel*>(data);
    const auto known = self.sockets.find(fd);
    const std::uint32_t events =
        (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? std::uint32_t{EPOLLOUT} : 0U);
    if (events == 0) {
        if (known != self.sockets.end()) {
            self.loop.forget(fd, *known->second);
            // Its own event may be what is being handled: it goes once that is over.
            self.loop.post([gone = std::shared_ptr<Socket>(std::move(known->second))] {});
            self.sockets.erase(known);
        }
        return;
    }
    if (known != self.sockets.end()) {
        self.loop.rewatch(fd, events, *known->second);
        return;
    }
    auto socket = std::make_unique<Socket>(self, fd);
    if (self.loop.watch(fd, events, *socket)) {
        self.sockets.emplace(fd, std::move(socket));
    }
}

void Resolver::Channel::answered(void* data, int status, int /*timeouts*/, ares_addrinfo* info) {
    Query& query = *static_cast<Query*>(data);
    if (status == ARES_SUCCESS && info != nullptr) {
        Resolution resolution;
        int ttl = INT32_MAX;
        for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
            if (node->ai_family == AF_INET) {
                std::array<std::uint8_t, 4> bytes{};
                const auto* in = reinterpret_cast<const sockaddr_in*>(node->ai_addr);
                std::memcpy(bytes.data(), &in->sin_addr, bytes.size());
                resolution.addresses.push_back(IpAddress::v4(bytes));
            } else if (node->ai_family == AF_INET6) {
                std::array<std::uint8_t, 16> bytes{};
                const auto* in = reinterpret_cast<const sockaddr_in6*>(node->ai_addr);
                std::memcpy(bytes.data(), &in->sin6_addr, bytes.size());
                resolution.addresses.push_back(IpAddress::v6(bytes));
            }
            ttl = std::min(ttl, node->ai_ttl);
        }
        resolution.ttl = std::chrono::seconds(ttl == INT32_MAX ? 0 : ttl);
        query.result = std::move(resolution);
    } else if (status == ARES_ECANCELLED || status == ARES_EDESTRUCTION) {
        query.result = fail(Errc::cancelled, Fault::self, "the question was withdrawn");
    }
    if (info != nullptr) {
        ares_freeaddrinfo(info);
    }
    query.answered = true;
    if (query.waiter) {
        // Not from within c-ares: what goes on may ask again.
        query.owner.loop.resume_soon(query.waiter);
    }
}

bool Resolver::Channel::Query::await_suspend(std::coroutine_handle<> handle) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(owner.channel, host, nullptr, &hints, &Channel::answered, this);
    owner.arm();
    if (answered) {
        return false;
    }
    waiter = handle;
    return true;
}

void Resolver::Channel::arm() {
    timeval longest{.tv_sec = 5, .tv_usec = 0};
    timeval next{};
    const timeval* left = ares_timeout(channel, &longest, &next);
    loop.timers().arm(timeout, sockets.empty() ? kNever
                                               : loop.now() + std::chrono::seconds(left->tv_sec) +
                                                     std::chrono::microseconds(left->tv_usec));
}

Resolver::Resolver(Loop& loop, const std::string& servers)
    : channel_(std::make_unique<Channel>(loop)) {
    ensure(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS, "c-ares does not start");
    ares_options options{};
    options.sock_state_cb = &Channel::socket_state;
    options.sock_state_cb_data = channel_.get();
    options.timeout = 2000;  // milliseconds of the first try
    options.tries = 2;
    const int set = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    ensure(ares_init_options(&channel_->channel, &options, set) == ARES_SUCCESS,
           "c-ares does not start");
    if (!servers.empty()) {
        ensure(ares_set_servers_ports_csv(channel_->channel, servers.c_str()) == ARES_SUCCESS,
               "the configured DNS servers are checked before");
    }
}

Resolver::~Resolver() {
    channel_.reset();
    ares_library_cleanup();
}

void Resolver::cancel() {
    ares_cancel(channel_->channel);
}

Task<Result<Resolution>> Resolver::resolve(std::string host) {
    std::string_view bare = host;
    if (bare.starts_with('[') && bare.ends_with(']')) {
        bare = bare.substr(1, bare.size() - 2);
    }
    if (const std::optional<IpAddress> literal = IpAddress::parse(bare)) {
        co_return Resolution{.addresses = {*literal}, .ttl = std::chrono::seconds{0}};
    }
    Channel::Query query{*channel_, host.c_str()};
    Result<Resolution> result = co_await query;
    if (result && result->addresses.empty()) {
        co_return fail(Errc::unreachable, Fault::upstream, "the name has no address");
    }
    co_return result;
}

}  // namespace gw::net
