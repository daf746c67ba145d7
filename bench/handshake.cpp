// bench_handshake <port> <seconds> <request file>: full TLS handshakes, one request on each
// connection.
//
// Eight threads connect, shake hands without resuming anything, ask once, read to the end and begin
// again until the time is over. Prints how many were answered with 200 and the cipher suite; any
// other end is a failed run. The request has to ask for the connection's end.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sockets.hpp"

namespace {

constexpr int kThreads = 8;

using Clock = std::chrono::steady_clock;

struct Free {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};

[[noreturn]] void fail(const char* what) {
    std::cerr << what << '\n';
    ::ERR_print_errors_fp(stderr);
    std::exit(1);
}

// What was negotiated.
std::string ask(SSL_CTX* context, int port, const std::string& request) {
    const int fd = bench::connect_to(port);
    if (fd < 0) {
        bench::die("connect");
    }
    const std::unique_ptr<SSL, Free> ssl(::SSL_new(context));
    ::SSL_set_fd(ssl.get(), fd);
    if (::SSL_connect(ssl.get()) != 1 || ::SSL_session_reused(ssl.get()) != 0) {
        fail("no full handshake");
    }
    if (::SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) {
        fail("the request could not be sent");
    }
    std::array<char, 8192> buffer;
    std::string answer;
    int got = 0;
    while ((got = ::SSL_read(ssl.get(), buffer.data(), buffer.size())) > 0) {
        answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
    if (!answer.starts_with("HTTP/1.1 200")) {
        fail(("not a 200: " + answer.substr(0, answer.find('\r'))).c_str());
    }
    ::SSL_shutdown(ssl.get());
    // No port stays behind: there are more handshakes than ports.
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
    return ::SSL_get_cipher(ssl.get());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: bench_handshake <port> <seconds> <request file>\n", stderr);
        return 2;
    }
    const int port = bench::number(argv[1]);
    std::ifstream file(argv[3], std::ios::binary);
    const std::string request(std::istreambuf_iterator<char>(file), {});
    const std::unique_ptr<SSL_CTX, Free> context(::SSL_CTX_new(::TLS_client_method()));
    ::SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    ::SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256");
    ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);

    const Clock::time_point end = Clock::now() + std::chrono::seconds(bench::number(argv[2]));
    std::atomic<std::uint64_t> done{0};
    std::mutex mutex;
    std::string cipher;
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            while (Clock::now() < end) {
                std::string used = ask(context.get(), port, request);
                done.fetch_add(1, std::memory_order_relaxed);
                const std::lock_guard lock(mutex);
                cipher = std::move(used);
            }
        });
    }
    threads.clear();
    std::cout << done.load() << ' ' << cipher << std::endl;
}
