// A request on a client's connection, against a real socket: what goes on in both directions at
// once.
#include "http/h1_stream.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <thread>

namespace gw::http {
namespace {

// One connection with its client's end, and the loop that serves it.
class Served {
  public:
    explicit Served(Responder& responder)
        : shared_{.loop = loop, .pool = pool_, .responder = responder, .limits = limits()} {
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()),
                  0);
        ours_ = net::Fd{fds[0]};
        theirs_ = net::Fd{fds[1]};
    }

    void send(std::string_view bytes) {
        ASSERT_EQ(::send(theirs_.get(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
    }
    // Serves the connection to its end; what the client got.
    std::string run() {
        scope_.spawn(serve_and_stop());
        loop.run();
        std::string got(4096, '\0');
        const ssize_t size = ::recv(theirs_.get(), got.data(), got.size(), MSG_DONTWAIT);
        got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return got;
    }

    net::Loop loop;

  private:
    static H1ServerLimits limits() {
        H1ServerLimits limits;
        limits.idle_timeout = Millis{50};
        limits.lingering_close = Millis{50};
        limits.pace.stall = Millis{2'000};
        return limits;
    }
    Task<void> serve_and_stop() {
        H1Connection connection(shared_, std::move(ours_), {});
        co_await connection.run();
        loop.stop();
    }

    net::BufferPool buffers_{16UL * 1024, 4};
    H1Pool pool_{.buffers = buffers_, .server = {}, .client = {}};
    H1ServerShared shared_;
    net::Scope scope_;
    net::Fd ours_;
    net::Fd theirs_;
};

Task<void> read_part(Stream& stream, Result<std::string>& got) {
    const Result<BodyPart> part = co_await stream.read_body();
    if (part) {
        got = std::string(part->bytes);
    } else {
        got = std::unexpected(part.error());
    }
}

Task<void> answer(Stream& stream, int status) {
    ResponseHead head;
    head.status = status;
    head.framing = Framing::length;
    head.content_length = 2;
    EXPECT_TRUE((co_await stream.send(head, "ok", true, nullptr)).has_value());
}

// Answers while the body that is waited for still has to be asked for.
class AnswersEarly final : public Responder {
  public:
    Task<void> serve(Stream& stream) override {
        Result<std::string> got;
        net::Scope scope;
        scope.spawn(read_part(stream, got));
        co_await answer(stream, 403);
        stream.cancel_read();
        co_await scope.all_done();
    }
};

TEST(H1Stream, AnAnswerThatComesWithContinueFollowsIt) {
    AnswersEarly responder;
    Served served(responder);
    served.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    const std::string got = served.run();
    EXPECT_TRUE(got.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n")) << got;
    EXPECT_TRUE(got.ends_with("\r\n\r\nok")) << got;
}

Task<void> hint(Stream& stream, std::string_view link) {
    ResponseHead head;
    head.status = 103;
    EXPECT_TRUE(head.headers.add_other("Link", link));
    EXPECT_TRUE((co_await stream.send_interim(head)).has_value());
}

// Hints while 100 (Continue) is on its way, and has another head where the hint was before that is
// out: a service over HTTP/2 does not wait.
class HintsEarly final : public Responder {
  public:
    Served* served = nullptr;

    Task<void> serve(Stream& stream) override {
        Result<std::string> got;
        std::string link = "</a.css>";
        net::Scope scope;
        scope.spawn(read_part(stream, got));
        scope.spawn(hint(stream, link));
        link.assign(link.size(), '?');
        served->send("hello");
        co_await scope.all_done();
        co_await answer(stream, 200);
    }
};

TEST(H1Stream, AHintThatComesWithContinueFollowsItAsItCame) {
    HintsEarly responder;
    Served served(responder);
    responder.served = &served;
    served.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    const std::string got = served.run();
    EXPECT_TRUE(got.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 ")) << got;
    EXPECT_NE(got.find("\r\nLink: </a.css>\r\n"), std::string::npos) << got;
}

// Cancels a read in the very turn in which it has read something, then reads on.
class CancelsInTheTurn final : public Responder {
  public:
    Served* served = nullptr;
    Result<std::string> first;
    Result<std::string> second;

    Task<void> serve(Stream& stream) override {
        net::Loop& loop = served->loop;
        net::Scope scope;
        scope.spawn(read_part(stream, first));
        net::Pause pause(loop);
        // The bytes and the end of the pause are found by the same turn of the loop.
        loop.post([this] {
            served->send("5\r\n");
            std::this_thread::sleep_for(Millis{60});
        });
        co_await pause.until(loop.now() + Millis{20});
        stream.cancel_read();
        co_await scope.all_done();
        served->send("hello\r\n0\r\n\r\n");
        scope.spawn(read_part(stream, second));
        co_await scope.all_done();
        co_await answer(stream, 200);
    }
};

TEST(H1Stream, ACancelledReadEndsAlthoughItHasJustReadSomething) {
    CancelsInTheTurn responder;
    Served served(responder);
    responder.served = &served;
    served.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string got = served.run();
    ASSERT_FALSE(responder.first.has_value());
    EXPECT_EQ(responder.first.error().code, Errc::cancelled);
    EXPECT_EQ(responder.second.value_or("nothing"), "hello");
    EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
}

}  // namespace
}  // namespace gw::http
