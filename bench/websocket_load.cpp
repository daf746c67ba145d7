// bench_websocket_load <port> <connections> <seconds> <request file>: small messages over
// WebSockets, echoed by the service behind the proxy.
//
// Opens them, prints "open <n>" and waits for a line on standard input, so that somebody else can
// look at what the proxy has cost so far. Then each says a text of 32 bytes, waits for the whole
// echo and says it again, until the time is over. Prints "messages <n>": how many came back. An
// answer that is no 101, another text or a WebSocket that ends is a failed run.
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kText = "a message of thirty-two bytes...";
constexpr std::string_view kMask = "\x12\x34\x56\x78";
constexpr char kTextFrame = '\x81';  // the last of its message

struct WebSocket {
    int fd;
    std::string came;
};

// As a client says it: with a mask.
std::string message() {
    std::string frame{kTextFrame, static_cast<char>(0x80U | kText.size())};
    frame += kMask;
    for (std::size_t i = 0; i < kText.size(); ++i) {
        frame += static_cast<char>(kText[i] ^ kMask[i % kMask.size()]);
    }
    return frame;
}

// As a service says it.
std::string echo() {
    return std::string{kTextFrame, static_cast<char>(kText.size())}.append(kText);
}

void say(int fd, std::string_view bytes) {
    if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
        bench::die("send");
    }
}

std::string_view hear(int fd) {
    static std::array<char, 8192> buffer;
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
        bench::die("a WebSocket ended early");
    }
    return {buffer.data(), static_cast<std::size_t>(got)};
}

WebSocket open_one(int port, const std::string& request) {
    const int fd = bench::connect_to(port);
    if (fd < 0) {
        bench::die("connect");
    }
    say(fd, request);
    std::string answer;
    while (!answer.contains("\r\n\r\n")) {
        answer += hear(fd);
    }
    if (!answer.starts_with("HTTP/1.1 101")) {
        std::cerr << "not a 101: " << answer.substr(0, answer.find('\r')) << '\n';
        std::exit(1);
    }
    return {.fd = fd, .came = {}};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: bench_websocket_load <port> <connections> <seconds> <request file>\n",
                   stderr);
        return 2;
    }
    std::ifstream file(argv[4], std::ios::binary);
    const std::string request(std::istreambuf_iterator<char>(file), {});
    std::vector<WebSocket> all;
    for (int i = 0; i < bench::number(argv[2]); ++i) {
        all.push_back(open_one(bench::number(argv[1]), request));
    }
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    for (WebSocket& one : all) {
        epoll_event event{.events = EPOLLIN, .data = {.ptr = &one}};
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, one.fd, &event);
    }
    std::cout << "open " << all.size() << std::endl;
    std::string line;
    std::getline(std::cin, line);

    const std::string said = message();
    const std::string expected = echo();
    const Clock::time_point end = Clock::now() + std::chrono::seconds(bench::number(argv[3]));
    std::uint64_t heard = 0;
    for (const WebSocket& one : all) {
        say(one.fd, said);
    }
    std::array<epoll_event, 256> events{};
    while (Clock::now() < end) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 100);
        for (int i = 0; i < count; ++i) {
            auto& one = *static_cast<WebSocket*>(events[static_cast<std::size_t>(i)].data.ptr);
            one.came += hear(one.fd);
            if (!expected.starts_with(one.came)) {
                std::fputs("an echo of something else\n", stderr);
                return 1;
            }
            if (one.came.size() == expected.size()) {
                one.came.clear();
                ++heard;
                say(one.fd, said);
            }
        }
    }
    std::cout << "messages " << heard << std::endl;
}
