// bench_idle <port> <count> <request file> [--silent]: opens keep-alive connections and holds them,
// so that somebody else can look at what the proxy keeps for each.
//
// Every connection asks once, for a WebSocket perhaps, and reads the whole answer before it goes
// idle; with --silent only a few probes ask. Prints "open <n>", waits for a line on standard input,
// prints "alive <n>" (how many the proxy has not closed) and ends. Source addresses change every
// 1,000 connections (127.0.1.1, 127.0.1.2 …), as they would for real clients, and so that no
// address runs out of ports.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.hpp"

namespace {

constexpr int kPerAddress = 1000;
constexpr int kProbeEvery = 500;
constexpr std::string_view kSwitched = "HTTP/1.1 101";

int open_from(int port, int index) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in from = bench::loopback(0);
    from.sin_addr.s_addr = htonl(0x7f000101U + static_cast<std::uint32_t>(index / kPerAddress));
    const sockaddr_in to = bench::loopback(port);
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        bench::die("open a connection");
    }
    bench::send_at_once(fd);
    return fd;
}

// How long the answer that begins with `bytes` is: 0 while its head is incomplete.
std::size_t answer_size(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
        return 0;
    }
    if (bytes.starts_with(kSwitched)) {
        return end + 4;
    }
    for (const std::string_view name : {"content-length: ", "Content-Length: "}) {
        const std::size_t at = bytes.substr(0, end).find(name);
        if (at != std::string_view::npos) {
            return end + 4 + static_cast<std::size_t>(bench::number(&bytes[at + name.size()]));
        }
    }
    bench::die("an answer without Content-Length");
}

void ask(int fd, const std::string& request) {
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
        bench::die("send");
    }
    std::string answer;
    std::array<char, 8192> buffer;
    for (std::size_t size = 0; size == 0 || answer.size() < size;) {
        const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
            bench::die("an answer ended early");
        }
        answer.append(buffer.data(), static_cast<std::size_t>(got));
        size = answer_size(answer);
    }
    if (!answer.starts_with("HTTP/1.1 200") && !answer.starts_with(kSwitched)) {
        std::cerr << "not a 200 or 101: " << answer.substr(0, answer.find('\r')) << '\n';
        std::exit(1);
    }
}

bool alive(int fd) {
    pollfd entry{.fd = fd, .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&entry, 1, 0) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fputs("usage: bench_idle <port> <count> <request file> [--silent]\n", stderr);
        return 2;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    const int port = bench::number(argv[1]);
    const int count = bench::number(argv[2]);
    std::ifstream file(argv[3], std::ios::binary);
    const std::string request(std::istreambuf_iterator<char>(file), {});
    const bool silent = argc > 4 && std::string_view(argv[4]) == "--silent";
    std::vector<int> held;
    for (int i = 0; i < count; ++i) {
        held.push_back(open_from(port, i));
        if (!silent) {
            ask(held.back(), request);
        } else if (i % kProbeEvery == 0 || i + 1 == count) {
            // Connections are accepted in order: one that is answered shows that all before it were
            // accepted, so the listen queue never overflows. It is closed again.
            const int probe = open_from(port, i);
            ask(probe, request);
            ::close(probe);
        }
    }
    std::cout << "open " << held.size() << std::endl;
    std::string line;
    std::getline(std::cin, line);
    std::size_t open = 0;
    for (const int fd : held) {
        open += alive(fd) ? 1U : 0U;
    }
    std::cout << "alive " << open << std::endl;
}
