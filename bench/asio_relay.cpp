// bench_asio_relay <port> <upstream port>: bench_relay again, written with Boost.Asio and its C++20
// coroutines.
//
// One thread, one coroutine each way, in the form that Asio's own documentation recommends. What it
// costs above bench_relay is what Asio would cost us: docs/decisions/0002-own-event-loop.md.
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>

#include "sockets.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kResult = asio::as_tuple(asio::use_awaitable);

struct Pair {
    tcp::socket client;
    tcp::socket upstream;
};

// The pair lives as long as one of its two directions runs; the first to end closes both sockets.
asio::awaitable<void> one_way(std::shared_ptr<Pair> pair, tcp::socket& from, tcp::socket& to) {
    std::array<char, 16384> buffer;
    for (;;) {
        const auto [failed, got] =
            co_await from.async_read_some(asio::buffer(buffer.data(), buffer.size()), kResult);
        if (failed) {
            break;
        }
        const auto [unsent, sent] =
            co_await asio::async_write(to, asio::buffer(buffer.data(), got), kResult);
        if (unsent) {
            break;
        }
    }
    boost::system::error_code ignored;
    pair->client.close(ignored);
    pair->upstream.close(ignored);
}

asio::awaitable<void> serve(tcp::acceptor acceptor, tcp::endpoint upstream) {
    for (;;) {
        auto [failed, client] = co_await acceptor.async_accept(kResult);
        if (failed) {
            continue;
        }
        auto pair = std::make_shared<Pair>(std::move(client), tcp::socket{acceptor.get_executor()});
        const auto [refused] = co_await pair->upstream.async_connect(upstream, kResult);
        if (refused) {
            continue;
        }
        pair->client.set_option(tcp::no_delay{true});
        pair->upstream.set_option(tcp::no_delay{true});
        asio::co_spawn(acceptor.get_executor(), one_way(pair, pair->client, pair->upstream),
                       asio::detached);
        asio::co_spawn(acceptor.get_executor(), one_way(pair, pair->upstream, pair->client),
                       asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: bench_asio_relay <port> <upstream port>\n", stderr);
        return 2;
    }
    asio::io_context context{1};  // the hint that one thread runs it
    const auto local = asio::ip::address_v4::loopback();
    const auto at = [&](const char* port) {
        return tcp::endpoint{local, static_cast<std::uint16_t>(bench::number(port))};
    };
    asio::co_spawn(context, serve(tcp::acceptor{context, at(argv[1])}, at(argv[2])),
                   asio::detached);
    context.run();
}
