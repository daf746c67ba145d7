// One connection against a server that misbehaves on purpose.
#include "state/redis_connection.hpp"

#include <gtest/gtest.h>

#include "net/sockaddr.hpp"
#include "state/redis_server_test_support.hpp"

namespace gw::state {
namespace {

// Accepts one connection; what it answers is written by the test.
class FakeServer {
  public:
    FakeServer() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const net::SocketAddress any = net::to_socket_address({*IpAddress::parse("127.0.0.1"), 0});
        EXPECT_EQ(::bind(listening_.get(), any.get(), any.length), 0);
        EXPECT_EQ(::listen(listening_.get(), 1), 0);
    }
    [[nodiscard]] net::Address address() const { return net::local_address(listening_.get()); }
    // Once the client has connected.
    net::Stream& accept(net::Loop& loop) {
        net::Fd fd{::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        EXPECT_TRUE(fd.valid());
        stream_.emplace(loop, std::move(fd), Fault::client);
        return *stream_;
    }

  private:
    net::Fd listening_;
    std::optional<net::Stream> stream_;
};

constexpr net::PaceLimits kPatient{
    .stall = Millis{5'000}, .stretch = Millis{10'000}, .bytes_per_second = 0};

struct Heard final : RedisConnection::Listener {
    void pushed(RedisReply message) override { messages.push_back(std::move(message)); }
    void ended(Error error) override { why = error; }
    std::vector<RedisReply> messages;
    std::optional<Error> why;
};

struct Bench {
    TestLoop turning;
    FakeServer server;
    Heard heard;
    RedisConnection connection{turning.loop, nullptr, &heard};
    std::optional<Result<void>> opened;

    Instant in(int ms) { return turning.loop.now() + Millis{ms}; }
    net::Task<void> open(RedisLogin login) {
        opened =
            co_await connection.open(server.address(), "127.0.0.1", std::move(login), in(2'000));
    }
    // Opens the connection, answering what it says at first with `answer`.
    net::Task<net::Stream*> begin(net::Scope& scope, RedisLogin login, std::string answer) {
        scope.spawn(open(std::move(login)));
        std::array<char, 1000> said{};
        // The kernel has completed the connection already: it waits to be accepted.
        net::Stream& stream = server.accept(turning.loop);
        (void)co_await stream.read_some(said, in(2'000));
        (void)co_await stream.write(answer, kPatient);
        EXPECT_TRUE(co_await turning.until([this] { return opened.has_value(); }));
        co_return &stream;
    }
};

net::Task<void> ask(Bench& b, std::string key, int ms, std::optional<Result<RedisReply>>& reply) {
    reply = co_await b.connection.run({"GET", std::move(key)}, b.in(ms));
}

net::Task<void> answers_late(Bench& b) {
    net::Scope scope;
    net::Stream* const server = co_await b.begin(scope, {}, "+PONG\r\n");
    EXPECT_TRUE(b.opened->has_value());
    std::optional<Result<RedisReply>> first;
    std::optional<Result<RedisReply>> second;
    std::optional<Result<RedisReply>> third;
    scope.spawn(ask(b, "a", 100, first));
    scope.spawn(ask(b, "b", 5'000, second));
    EXPECT_TRUE(co_await b.turning.until([&first, &second] { return first && second; }));
    EXPECT_EQ(first->error().code, Errc::timeout);
    EXPECT_EQ(second->error().code, Errc::timeout);
    (void)co_await server->write("$1\r\na\r\n$1\r\nb\r\n", kPatient);
    scope.spawn(ask(b, "c", 1'000, third));
    EXPECT_TRUE(co_await b.turning.until([&third] { return third.has_value(); }));
    EXPECT_FALSE(third->has_value()) << "nothing of the old connection reaches a new command";
    EXPECT_TRUE(b.heard.why.has_value());
    co_await scope.all_done();
    co_await b.connection.end();
}

TEST(RedisConnection, ALateReplyReachesNobody) {
    Bench b;
    b.turning.run(answers_late(b));
}

net::Task<void> answers_in_order(Bench& b) {
    net::Scope scope;
    net::Stream* const server = co_await b.begin(scope, {}, "+PONG\r\n");
    std::optional<Result<RedisReply>> first;
    std::optional<Result<RedisReply>> second;
    scope.spawn(ask(b, "a", 5'000, first));
    scope.spawn(ask(b, "b", 5'000, second));
    (void)co_await server->write("$1\r\na\r\n-ERR b\r", kPatient);
    EXPECT_TRUE(co_await b.turning.until([&first] { return first.has_value(); }));
    EXPECT_FALSE(second.has_value());
    (void)co_await server->write("\n", kPatient);
    EXPECT_TRUE(co_await b.turning.until([&second] { return second.has_value(); }));
    EXPECT_EQ((*first)->text, "a");
    EXPECT_EQ((*second)->text, "ERR b");
    (void)co_await server->write("+unasked\r\n", kPatient);
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.heard.why.has_value(); }));
    EXPECT_EQ(b.heard.why->code, Errc::malformed);
    co_await scope.all_done();
    co_await b.connection.end();
}

TEST(RedisConnection, RepliesComeInTheOrderOfCommandsAndNoneUnasked) {
    Bench b;
    b.turning.run(answers_in_order(b));
}

net::Task<void> refuses_login(Bench& b) {
    net::Scope scope;
    (void)co_await b.begin(scope, {"app", "pw", 3},
                           "-WRONGPASS no\r\n-NOAUTH no\r\n-NOAUTH no\r\n");
    EXPECT_FALSE(b.opened->has_value());
    EXPECT_STREQ(b.opened->error().detail, "Redis refuses the password");
    EXPECT_FALSE(b.heard.why.has_value()) << "it was never open";
    co_await scope.all_done();
    co_await b.connection.end();
}

TEST(RedisConnection, AWrongPasswordEndsTheOpening) {
    Bench b;
    b.turning.run(refuses_login(b));
}

net::Task<void> pushes(Bench& b) {
    net::Scope scope;
    net::Stream* const server = co_await b.begin(scope, {}, "+PONG\r\n");
    struct Subscribing {
        static net::Task<void> run(Bench& bench, std::optional<Result<RedisReply>>& done) {
            done = co_await bench.connection.subscribe("c", bench.in(2'000));
        }
    };
    std::optional<Result<RedisReply>> done;
    scope.spawn(Subscribing::run(b, done));
    (void)co_await server->write(
        "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*-1\r\n",
        kPatient);
    EXPECT_TRUE(co_await b.turning.until([&b] { return b.heard.messages.size() == 1; }));
    EXPECT_TRUE(done && done->has_value());
    EXPECT_TRUE(b.heard.messages[0].items[2].is(RedisReply::Kind::nil));
    co_await scope.all_done();
    co_await b.connection.end();
}

TEST(RedisConnection, MessagesAreToldAndAnswerNoCommand) {
    Bench b;
    b.turning.run(pushes(b));
}

}  // namespace
}  // namespace gw::state
