// The whole gateway: one worker as it runs in the product, on real sockets of this machine. The
// input is what a client sends on one connection, and what a service answers on its connections.
//
// Whatever both say, every exchange ends; what the client gets is a row of messages that can be
// read in one way; each answer has its access line, and at most one request of a connection has a
// line and no answer; and no byte of one exchange comes up in another: inputs carry a mark that is
// another one each time.
//
//     input    2 bytes: how much of the rest is the client's; then that; then what the service
//     says,
//              parts for one request each, divided by FE FF and what becomes of the connection
//     ~T~      in either is replaced by this time's mark
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <list>
#include <set>
#include <string>

#include "app/site_builder.hpp"
#include "app/worker.hpp"
#include "base/ensure.hpp"
#include "http/h1_body.hpp"
#include "http/h1_parser.hpp"
#include "upstream/breaker_set.hpp"

namespace gw::app {
namespace {

// Of an exchange in which nothing happens; nothing in the configuration waits longer. In several
// waits: a machine that stands still as a whole ends one of them, not all.
constexpr int kWaitMs = 1'000;
constexpr int kWaitsMost = 10;
constexpr std::uint64_t kLinesEvery = 256;  // executions, after which access lines are counted
constexpr std::size_t kMarks = 64;

constexpr std::string_view kConfiguration = R"(
services:
  service:
    url: "http://127.0.0.1:%PORT%"
    timeout_ms: 3000
    retry: {retries_max: 2, pause_first_ms: 1, pause_max_ms: 2}
circuit_breaker: {enabled: false}
routes:
  - {name: all, path: /a/**, service: service, authenticate: {public: [/**]}, timeout_ms: 3000}
  - {name: small, path: /b/**, service: service, authenticate: {public: [/**]}, body_bytes_max: 100, timeout_ms: 3000}
  - {name: private, path: /c/**, service: service, timeout_ms: 3000}
)";

sockaddr_in loopback(std::uint16_t port, std::uint32_t host = INADDR_LOOPBACK) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(host);
    return address;
}

int nonblocking_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ensure(fd >= 0, "a socket");
    return fd;
}

class Gateway {
  public:
    Gateway() {
        const sockaddr_in any = loopback(0);
        ensure(::bind(service_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
                   ::listen(service_, 128) == 0,
               "the service listens");
        net::Fd socket = net::listen_on({.ip = IpAddress::v4({127, 0, 0, 1}), .port = 0}).value();
        port_ = port_of(socket.get());
        ensure(::pipe2(lines_.data(), O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
        sink_ = std::make_unique<observe::LogSink>(lines_[1]);
        worker_ = std::make_unique<Worker>(*sink_, budget_);
        worker_->break_by(breakers_);
        std::vector<net::Fd> sockets;
        sockets.push_back(std::move(socket));
        worker_->start(load(), std::move(sockets), {});
        worker_->adopt_members(
            "service",
            {{.address = {.ip = IpAddress::v4({127, 0, 0, 1}), .port = port_of(service_)}}});
    }
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    void play(std::string_view client, std::string_view service);

  private:
    // What the service says to one request, and then.
    enum class Then : std::uint8_t { stay, close, reset };
    struct Part {
        std::string bytes;
        Then then = Then::stay;
    };
    struct Connection {
        int fd = -1;
        std::string out;
        Then then = Then::stay;
    };

    static std::uint16_t port_of(int fd) {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        ensure(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "a port");
        return ntohs(address.sin_port);
    }
    std::shared_ptr<const gateway::Site> load() {
        std::string text(kConfiguration);
        const std::string port = std::to_string(port_of(service_));
        text.replace(text.find("%PORT%"), 6, port);
        const std::string path = (std::filesystem::temp_directory_path() /
                                  ("gateway_fuzz_" + std::to_string(::getpid()) + ".yaml"))
                                     .string();
        std::ofstream(path) << text;
        const auto loaded = load_site(
            path, config::Environment({{"JWT_SECRET", "0123456789abcdef0123456789abcdef"}}), 1);
        std::filesystem::remove(path);
        if (!loaded) {
            for (const config::Mistake& mistake : loaded.error()) {
                std::fprintf(stderr, "%s\n", mistake.to_string().c_str());
            }
        }
        ensure(loaded.has_value(), "the configuration is right");
        return loaded->site;
    }

    std::string marked(std::string_view text) const {
        std::string out(text);
        // A fuzzer learns marks from comparisons; those in inputs are no leak.
        for (std::size_t at = out.find("~M"); at != std::string::npos; at = out.find("~M", at)) {
            out[at + 1] = 'm';
        }
        for (std::size_t at = out.find("~T~"); at != std::string::npos; at = out.find("~T~", at)) {
            out.replace(at, 3, mark_);
            at += mark_.size();
        }
        return out;
    }
    void read_parts(std::string_view service) {
        parts_.clear();
        while (!service.empty()) {
            const std::size_t end = std::min(service.find("\xFE\xFF"), service.size());
            Part part{.bytes = marked(service.substr(0, end))};
            service.remove_prefix(std::min(end + 2, service.size()));
            if (!service.empty()) {
                part.then = static_cast<Then>(static_cast<unsigned char>(service.front()) % 3);
                service.remove_prefix(1);
            }
            parts_.push_back(std::move(part));
        }
    }
    void connect_client() {
        client_ = nonblocking_socket();
        // Each from another address: ports are not free again at once.
        const sockaddr_in from = loopback(0, (127U << 24U) | (++executions_ & 0xFFFFFFU) | 1U);
        ensure(::bind(client_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0,
               "an address for the client");
        const sockaddr_in to = loopback(port_);
        const int made = ::connect(client_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
        ensure(made == 0 || errno == EINPROGRESS, "the gateway takes a connection");
    }
    void write_client() {
        const ssize_t sent = ::send(client_, to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            to_send_.remove_prefix(static_cast<std::size_t>(sent));
        } else if (sent < 0 && errno != EAGAIN) {
            to_send_ = {};  // it closes in the midst of what it does not want
        }
        said_all_ = to_send_.empty();
        if (said_all_) {
            ::shutdown(client_, SHUT_WR);
        }
    }
    // False: the gateway has said everything.
    bool read_client() {
        std::array<char, 16UL * 1024> bytes{};
        const ssize_t got = ::recv(client_, bytes.data(), bytes.size(), 0);
        if (got > 0) {
            got_.append(bytes.data(), static_cast<std::size_t>(got));
        }
        return got > 0 || (got < 0 && errno == EAGAIN);
    }
    void accept_all() {
        for (int fd = ::accept4(service_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); fd >= 0;
             fd = ::accept4(service_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) {
            connections_.push_back({.fd = fd, .out = {}});
        }
    }
    // False: it is over.
    bool serve(Connection& connection) {
        std::array<char, 16UL * 1024> bytes{};
        const ssize_t got = ::recv(connection.fd, bytes.data(), bytes.size(), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return false;
        }
        if (got > 0) {
            check_marks({bytes.data(), static_cast<std::size_t>(got)});
            if (parts_.empty()) {
                return false;
            }
            connection.out += parts_.front().bytes;
            connection.then = parts_.front().then;
            parts_.pop_front();
        }
        return true;
    }
    static bool say(Connection& connection) {
        if (!connection.out.empty()) {
            const ssize_t sent =
                ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                return errno == EAGAIN;
            }
            connection.out.erase(0, static_cast<std::size_t>(sent));
        }
        return !connection.out.empty() || connection.then == Then::stay;
    }
    static void end(const Connection& connection) {
        if (connection.then == Then::reset) {
            const linger hard{.l_onoff = 1, .l_linger = 0};
            ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        }
        ::close(connection.fd);
    }
    void exchange();
    void check_marks(std::string_view bytes) const {
        for (std::size_t at = bytes.find("~M"); at != std::string_view::npos;
             at = bytes.find("~M", at + 1)) {
            ensure(!old_.contains(bytes.substr(at, mark_.size())),
                   "bytes of one exchange came up in another");
        }
    }
    std::uint64_t count_answers() const;
    void count_lines();
    void check_lines();

    int service_ = [] { return nonblocking_socket(); }();
    std::uint16_t port_ = 0;
    std::array<int, 2> lines_{-1, -1};
    net::ConnectionBudget budget_{1'000};
    upstream::BreakerSet breakers_{[](const std::string&) {}};
    std::unique_ptr<observe::LogSink> sink_;
    std::unique_ptr<Worker> worker_;

    std::uint32_t executions_ = 0;
    std::string mark_;
    std::deque<std::string> marks_;
    std::set<std::string, std::less<>> old_;
    int client_ = -1;
    std::string_view to_send_;
    bool said_all_ = false;
    std::string got_;
    std::deque<Part> parts_;
    std::list<Connection> connections_;

    std::uint64_t answers_ = 0;  // of HTTP/1.1, since lines were counted last
    std::uint64_t lines_seen_ = 0;
    std::uint64_t lines_most_ = 0;
    bool lines_bounded_ = true;  // HTTP/2: as many as there are streams
    std::string line_rest_;
};

void Gateway::exchange() {
    bool more = true;
    while (more) {
        std::vector<pollfd> watched{
            {client_, static_cast<short>(POLLIN | (said_all_ ? 0 : POLLOUT)), 0},
            {service_, POLLIN, 0}};
        for (const Connection& connection : connections_) {
            watched.push_back({connection.fd,
                               static_cast<short>(POLLIN | (connection.out.empty() ? 0 : POLLOUT)),
                               0});
        }
        int waits = 0;
        while (::poll(watched.data(), watched.size(), kWaitMs) == 0) {
            ensure(++waits < kWaitsMost, "an exchange never ends");
        }
        if ((watched[0].revents & POLLOUT) != 0) {
            write_client();
        }
        if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            more = read_client();
        }
        std::size_t at = 2;
        for (auto connection = connections_.begin(); connection != connections_.end(); ++at) {
            const bool happened = watched[at].revents != 0;
            if (happened && !(serve(*connection) && say(*connection))) {
                end(*connection);
                connection = connections_.erase(connection);
            } else {
                ++connection;
            }
        }
        if (watched[1].revents != 0) {
            accept_all();
        }
    }
}

// How many final answers there are in what the client got. What follows a switch of protocols, or
// a request that may have been HEAD, is not read.
std::uint64_t Gateway::count_answers() const {
    std::string_view left = got_;
    std::uint64_t answers = 0;
    while (!left.empty()) {
        http::ResponseHead head;
        const http::H1Parse parse = http::parse_response(left, {}, http::Method::get, head);
        ensure(parse.state != http::H1Parse::State::refused, "an answer that cannot be read");
        if (parse.state == http::H1Parse::State::incomplete) {
            return answers;
        }
        left.remove_prefix(parse.consumed);
        if (head.status == 101) {
            return answers + 1;
        }
        if (head.status < 200) {
            continue;
        }
        ++answers;
        http::H1Body body(head.framing, head.content_length);
        for (bool ended = body.done(); !ended;) {
            const http::H1Body::Step step = body.next(left);
            ensure(!step.refused, "a body that cannot be read");
            left.remove_prefix(step.consumed);
            ended = step.end;
            if (!ended && step.consumed == 0) {
                return answers;  // cut with the service's, or until the end
            }
        }
    }
    return answers;
}

void Gateway::count_lines() {
    std::array<char, 64UL * 1024> bytes{};
    for (ssize_t got = ::read(lines_[0], bytes.data(), bytes.size()); got > 0;
         got = ::read(lines_[0], bytes.data(), bytes.size())) {
        line_rest_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    std::size_t begin = 0;
    for (std::size_t end = line_rest_.find('\n'); end != std::string::npos;
         end = line_rest_.find('\n', begin)) {
        const std::string_view line(line_rest_.data() + begin, end - begin);
        lines_seen_ += line.contains("\"durationMs\":") ? 1 : 0;
        begin = end + 1;
    }
    line_rest_.erase(0, begin);
}

void Gateway::check_lines() {
    for (int tries = 0; lines_seen_ < answers_ && tries < 500; ++tries) {
        ::usleep(10'000);  // they are written a moment later
        count_lines();
    }
    ensure(lines_seen_ >= answers_, "an answer without an access line");
    ensure(!lines_bounded_ || lines_seen_ <= lines_most_, "more access lines than requests");
    // What is written late counts in the next turn.
    lines_most_ -= std::min(lines_most_, answers_);
    lines_seen_ -= answers_;
    answers_ = 0;
}

void Gateway::play(std::string_view client, std::string_view service) {
    char mark[16];
    std::snprintf(mark, sizeof mark, "~M%08x", executions_ * 2'654'435'761U);
    mark_ = mark;
    const std::string sent = marked(client);
    to_send_ = sent;
    said_all_ = false;
    got_.clear();
    read_parts(service);
    connect_client();
    exchange();
    ::close(client_);
    for (const Connection& connection : connections_) {
        end(connection);
    }
    connections_.clear();
    check_marks(got_);
    if (sent.starts_with("PRI ")) {
        lines_bounded_ = false;
    } else if (!sent.contains("HEAD")) {
        const std::uint64_t answers = count_answers();
        answers_ += answers;
        lines_most_ += answers + 1;
    } else {
        lines_bounded_ = false;
    }
    marks_.push_back(mark_);
    old_.insert(mark_);
    if (marks_.size() > kMarks) {
        old_.erase(marks_.front());
        marks_.pop_front();
    }
    count_lines();
    if (executions_ % kLinesEvery == 0) {
        check_lines();
    }
}

}  // namespace
}  // namespace gw::app

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    // Never ended: its worker runs as long as the process.
    static auto* const gateway = new gw::app::Gateway;
    std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::size_t clients = std::min<std::size_t>(data[0] + 256UL * data[1], rest.size());
    gateway->play(rest.substr(0, clients), rest.substr(clients));
    return 0;
}
