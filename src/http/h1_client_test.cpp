// What may be sent again after a connection to a service has ended, against real sockets.
#include "http/h1_client.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "net/listener.hpp"
#include "net/scope.hpp"
#include "net/sockaddr.hpp"

namespace gw::http {
namespace {

// A connection over TCP whose far end is a service that does as the test says.
struct Service {
    Service() {
        const Result<net::Fd> listening = net::listen_on({IpAddress::v4({127, 0, 0, 1}), 0});
        EXPECT_TRUE(listening.has_value());
        net::SocketAddress bound;
        ::getsockname(listening->get(), bound.get(), &bound.length);
        ours = net::Fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(::connect(ours.get(), bound.get(), bound.length), 0);
        pollfd waiting{listening->get(), POLLIN, 0};
        EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
        theirs = net::Fd{::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC)};
        EXPECT_EQ(::fcntl(ours.get(), F_SETFL, ::fcntl(ours.get(), F_GETFL) | O_NONBLOCK), 0);
    }
    // Until so much has come; the kernel acknowledges it late.
    std::string read(std::size_t most) {
        const int off = 0;
        ::setsockopt(theirs.get(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
        std::string got(most, '\0');
        const ssize_t size = ::recv(theirs.get(), got.data(), got.size(), 0);
        got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return got;
    }
    void reset() {
        const linger hard{1, 0};
        ::setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        theirs.reset();
    }
    net::Fd ours;
    net::Fd theirs;
};

// A POST of "hi" by way of a client, and why it has no answer.
struct Asked {
    using Way = Task<void> (*)(Asked&);

    explicit Asked(Way way)
        : stream(loop, std::move(service.ours), Fault::upstream),
          client(stream, pool, limits, pace) {
        head.method = Method::post;
        head.method_text = "POST";
        head.path = "/pay";
        head.framing = Framing::length;
        head.content_length = 2;
        scope.spawn(run(way));
        loop.run();
    }
    Task<void> run(Way way) {
        co_await way(*this);
        loop.stop();
    }

    net::Loop loop;
    net::BufferPool buffers{16UL * 1024, 4};
    H1Pool pool{.buffers = buffers, .server = {}, .client = {}};
    H1Limits limits;
    net::PaceLimits pace;
    Service service;
    net::Stream stream;
    H1Client client;
    RequestHead head;
    std::optional<Error> why;
    net::Scope scope;
};

Task<void> read_and_reset(Asked& asked) {
    EXPECT_TRUE((co_await asked.client.send(asked.head, "hi", true, nullptr)).has_value());
    EXPECT_TRUE(asked.service.read(4096).ends_with("hi"));
    asked.service.reset();
    const auto got = co_await asked.client.read_head(asked.loop.now() + Millis{5'000});
    EXPECT_FALSE(got.has_value());
    asked.why = got ? std::nullopt : std::optional(got.error());
}

TEST(H1Client, WhatAServiceMayHaveReadIsNotSentAgainWhateverItIs) {
    const Asked asked(read_and_reset);
    ASSERT_TRUE(asked.why.has_value());
    EXPECT_EQ(asked.why->code, Errc::reset);
    EXPECT_EQ(asked.why->retry, Retry::if_repeatable);
}

Task<void> reset_before(Asked& asked) {
    asked.service.reset();
    const auto sent = co_await asked.client.send(asked.head, "hi", true, nullptr);
    EXPECT_FALSE(sent.has_value());
    asked.why = sent ? std::nullopt : std::optional(sent.error());
}

TEST(H1Client, WhatHasNotLeftMayBeSentAgainWhateverItIs) {
    const Asked asked(reset_before);
    ASSERT_TRUE(asked.why.has_value());
    EXPECT_EQ(asked.why->retry, Retry::yes);
}

}  // namespace
}  // namespace gw::http
