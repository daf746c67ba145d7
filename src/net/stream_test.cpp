// Streams, scopes and the loop against real sockets of this machine.
#include "net/stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/connector.hpp"
#include "net/listener.hpp"
#include "net/scope.hpp"
#include "net/sockaddr.hpp"

namespace gw::net {
namespace {

constexpr PaceLimits kPatient{
    .stall = Millis{5'000}, .stretch = Millis{10'000}, .bytes_per_second = 0};

struct Pair {
    Fd ours;
    Fd theirs;
};

Pair connected_pair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {Fd{fds[0]}, Fd{fds[1]}};
}

// Runs one coroutine on the loop to its end, bounded in time.
class LoopRun {
  public:
    explicit LoopRun(Loop& loop) : loop_(loop), limit_(loop) {}
    void operator()(Task<void> task) {
        scope_.spawn(stop_after(std::move(task)));
        if (scope_.live() > 0) {
            loop_.timers().arm(limit_, loop_.now() + Millis{20'000});
            loop_.run();
        }
        ASSERT_EQ(scope_.live(), 0U) << "the test's coroutine did not end in time";
    }

  private:
    Task<void> stop_after(Task<void> task) {
        co_await std::move(task);
        loop_.stop();
    }
    struct Limit : Timer {
        explicit Limit(Loop& l)
            : Timer([](Timer& t) { static_cast<Limit&>(t).loop.stop(); }), loop(l) {}
        Loop& loop;
    };
    Loop& loop_;
    Limit limit_;
    Scope scope_;
};

Task<void> read_into(Stream& stream, std::size_t size, Instant deadline, Result<std::size_t>& got,
                     std::string& bytes) {
    bytes.resize(size);
    got = co_await stream.read_some(bytes, deadline);
    bytes.resize(got.value_or(0));
}

TEST(Stream, ReadsWhatComesAndThenTheEnd) {
    Loop loop;
    Pair pair = connected_pair();
    Stream stream(loop, std::move(pair.ours), Fault::client);
    ASSERT_EQ(::send(pair.theirs.get(), "hello", 5, 0), 5);
    pair.theirs.reset();
    Result<std::size_t> got;
    std::string bytes;
    LoopRun run(loop);
    run(read_into(stream, 100, loop.now() + Millis{5'000}, got, bytes));
    EXPECT_EQ(bytes, "hello");
    Loop second;  // a loop runs once
    got = 7;
    Pair other = connected_pair();
    Stream ended(second, std::move(other.ours), Fault::client);
    other.theirs.reset();
    LoopRun again(second);
    again(read_into(ended, 100, second.now() + Millis{5'000}, got, bytes));
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(*got, 0U);
}

Task<void> read_lent(Stream& stream, BufferPool& pool, Instant deadline, std::size_t& lent_before,
                     Result<std::size_t>& got, std::string& bytes) {
    Buffer buffer;
    auto read = stream.read_some(buffer, pool, deadline);
    lent_before = pool.lent();
    got = co_await read;
    bytes.assign(buffer.data(), got.value_or(0));
}

Task<void> say_later(Loop& loop, BufferPool& pool, int fd, std::size_t& lent_waiting) {
    Pause pause(loop);
    co_await pause.until(loop.now() + Millis{5});
    lent_waiting = pool.lent();
    EXPECT_EQ(::send(fd, "hello", 5, 0), 5);
}

TEST(Stream, WhoWaitsHoldsNoBufferAndWhoReadsGetsOne) {
    Loop loop;
    Pair pair = connected_pair();
    Stream stream(loop, std::move(pair.ours), Fault::upstream);
    BufferPool pool(64, 4);
    std::size_t lent_before = 1;
    std::size_t lent_waiting = 1;
    Result<std::size_t> got;
    std::string bytes;
    Scope peer;
    peer.spawn(say_later(loop, pool, pair.theirs.get(), lent_waiting));
    LoopRun run(loop);
    run(read_lent(stream, pool, loop.now() + Millis{5'000}, lent_before, got, bytes));
    EXPECT_EQ(lent_before, 0U);
    EXPECT_EQ(lent_waiting, 0U);
    EXPECT_EQ(bytes, "hello");
    EXPECT_EQ(pool.lent(), 0U);
}

TEST(Stream, AReadThatNobodyAnswersEndsAtItsDeadline) {
    Loop loop;
    Pair pair = connected_pair();
    Stream stream(loop, std::move(pair.ours), Fault::upstream);
    Result<std::size_t> got;
    std::string bytes;
    LoopRun run(loop);
    run(read_into(stream, 100, loop.now() + Millis{60}, got, bytes));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, Errc::timeout);
    EXPECT_EQ(got.error().fault, Fault::upstream);
}

Task<void> write_all(Stream& stream, std::string_view bytes, PaceLimits pace, Result<void>& done) {
    done = co_await stream.write(bytes, pace);
}

TEST(Stream, AWriteThatNobodyTakesEndsWhenThePeerStalls) {
    Loop loop;
    Pair pair = connected_pair();
    Stream stream(loop, std::move(pair.ours), Fault::client);
    const std::string much(8UL * 1024 * 1024, 'x');
    Result<void> done;
    LoopRun run(loop);
    run(write_all(stream, much,
                  {.stall = Millis{60}, .stretch = Millis{1'000}, .bytes_per_second = 1}, done));
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Errc::timeout);
}

TEST(Stream, WritesAllPiecesInOrderHoweverSlowlyTheyAreRead) {
    Loop loop;
    Pair pair = connected_pair();
    Stream ours(loop, std::move(pair.ours), Fault::client);
    Stream theirs(loop, std::move(pair.theirs), Fault::client);
    struct Both {
        static Task<void> write(Stream& s, std::string_view a, std::string_view b,
                                std::string_view c, Result<void>& done) {
            done = co_await s.write(a, b, c, kPatient);
            s.shutdown_write();
        }
        static Task<void> run(Stream& from, Stream& to, std::string& received, Result<void>& done,
                              const std::string& body) {
            Scope scope;
            scope.spawn(write(from, "head:", body, ":tail", done));
            std::array<char, 1000> part{};
            while (true) {
                const Result<std::size_t> got =
                    co_await to.read_some(part, to.loop().now() + Millis{5'000});
                if (!got || *got == 0) {
                    break;
                }
                received.append(part.data(), *got);
            }
            co_await scope.all_done();
        }
    };
    const std::string body(3'000'000, 'b');
    std::string received;
    Result<void> done;
    LoopRun run(loop);
    run(Both::run(ours, theirs, received, done, body));
    EXPECT_TRUE(done.has_value());
    EXPECT_EQ(received, "head:" + body + ":tail");
}

TEST(Stream, CancelEndsWhatWaitsAndWhatComesLater) {
    Loop loop;
    Pair pair = connected_pair();
    Stream stream(loop, std::move(pair.ours), Fault::client);
    Result<std::size_t> got;
    std::string bytes;
    loop.post([&] { stream.cancel(); });
    LoopRun run(loop);
    run(read_into(stream, 100, loop.now() + Millis{5'000}, got, bytes));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, Errc::cancelled);
    EXPECT_STREQ(got.error().detail, "reading was given up");
    EXPECT_TRUE(stream.has_news(false));
}

TEST(Stream, TellsItsWatcherThatThePeerLeft) {
    struct Watcher : Stream::Watcher {
        explicit Watcher(Loop& l) : loop(l) {}
        void peer_left(bool half) override {
            seen = half ? 1 : 2;
            loop.stop();
        }
        Loop& loop;
        int seen = 0;
    };
    Loop loop;
    Pair pair = connected_pair();
    Stream stream(loop, std::move(pair.ours), Fault::client);
    Watcher watcher(loop);
    stream.watch_peer(&watcher);
    ::shutdown(pair.theirs.get(), SHUT_WR);
    loop.run();
    EXPECT_EQ(watcher.seen, 1);
    stream.watch_peer(nullptr);
}

Task<void> connect_to(Loop& loop, Address address, Result<Fd>& made) {
    made = co_await connect(loop, address, loop.now() + Millis{2'000});
}

TEST(Connector, ReachesAListenerAndSaysWhenNobodyListens) {
    const Address any{IpAddress::v4({127, 0, 0, 1}), 0};
    Result<Fd> listening = listen_on(any);
    ASSERT_TRUE(listening.has_value());
    SocketAddress bound;
    ::getsockname(listening->get(), bound.get(), &bound.length);
    const Address address = to_address(bound);
    {
        Loop loop;
        Result<Fd> made;
        LoopRun run(loop);
        run(connect_to(loop, address, made));
        EXPECT_TRUE(made.has_value());
    }
    listening->reset();
    Loop loop;
    Result<Fd> made;
    LoopRun run(loop);
    run(connect_to(loop, address, made));
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, Errc::refused);
    EXPECT_EQ(made.error().retry, Retry::yes);
}

struct HoldingAcceptor : Acceptor {
    void accepted(Fd connection, const Address&) override { held.push_back(std::move(connection)); }
    void out_of_budget() override { ++refused; }
    std::vector<Fd> held;
    int refused = 0;
};

TEST(Listener, BoundsWhatTheKernelKeepsForAClientThatReadsNothing) {
    Result<Fd> socket = listen_on({IpAddress::v4({127, 0, 0, 1}), 0});
    ASSERT_TRUE(socket.has_value());
    SocketAddress bound;
    ::getsockname(socket->get(), bound.get(), &bound.length);
    Loop loop;
    ConnectionBudget budget(1);
    HoldingAcceptor acceptor;
    Listener listener(loop, std::move(*socket), budget, acceptor);
    const Fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::connect(client.get(), bound.get(), bound.length), 0);
    listener.take_all();
    ASSERT_EQ(acceptor.held.size(), 1U);
    const int server = acceptor.held.front().get();
    const std::string piece(16UL * 1024, 'x');
    while (::send(server, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
    EXPECT_EQ(errno, EAGAIN);
    int unsent = 0;
    ASSERT_EQ(::ioctl(server, SIOCOUTQNSD, &unsent), 0);
    EXPECT_LE(unsent, 256 * 1024);
}

TEST(Listener, IsOutOfBudgetOnlyWhereSomebodyWaits) {
    Result<Fd> socket = listen_on({IpAddress::v4({127, 0, 0, 1}), 0});
    ASSERT_TRUE(socket.has_value());
    SocketAddress bound;
    ::getsockname(socket->get(), bound.get(), &bound.length);
    Loop loop;
    ConnectionBudget budget(1);
    HoldingAcceptor acceptor;
    Listener listener(loop, std::move(*socket), budget, acceptor);
    const Fd first{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::connect(first.get(), bound.get(), bound.length), 0);
    listener.take_all();
    ASSERT_EQ(acceptor.held.size(), 1U);
    EXPECT_EQ(acceptor.refused, 0);
    const Fd second{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::connect(second.get(), bound.get(), bound.length), 0);
    listener.take_all();
    EXPECT_EQ(acceptor.held.size(), 1U);
    EXPECT_EQ(acceptor.refused, 1);
}

TEST(Listener, StopsAcceptingAtTheBudgetAndGoesOnWhenThereIsRoom) {
    const Address any{IpAddress::v4({127, 0, 0, 1}), 0};
    Result<Fd> socket = listen_on(any);
    ASSERT_TRUE(socket.has_value());
    SocketAddress bound;
    ::getsockname(socket->get(), bound.get(), &bound.length);
    std::vector<Fd> clients;
    for (int i = 0; i < 5; ++i) {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(clients.back().get(), bound.get(), bound.length), 0);
    }
    struct Room : Timer {
        Room(Loop& l, ConnectionBudget& b, HoldingAcceptor& a)
            : Timer([](Timer& t) { static_cast<Room&>(t).make(); }),
              loop(l),
              budget(b),
              acceptor(a) {}
        void make() {
            if (first == 0) {
                first = acceptor.held.size();
                for (std::size_t i = 0; i < first; ++i) {
                    budget.leave();
                }
                loop.timers().arm(*this, loop.now() + Millis{300});
            } else {
                loop.stop();
            }
        }
        Loop& loop;
        ConnectionBudget& budget;
        HoldingAcceptor& acceptor;
        std::size_t first = 0;
    };
    Loop loop;
    ConnectionBudget budget(3);
    HoldingAcceptor acceptor;
    Listener listener(loop, std::move(*socket), budget, acceptor);
    Room room(loop, budget, acceptor);
    loop.timers().arm(room, loop.now() + Millis{200});
    loop.run();
    EXPECT_EQ(room.first, 3U);
    EXPECT_EQ(acceptor.held.size(), 5U);
}

TEST(Loop, RunsPostedJobsInOrderFromAnyThread) {
    Loop loop;
    std::vector<int> seen;
    std::jthread poster([&] {
        for (int i = 0; i < 1'000; ++i) {
            loop.post([&seen, i] { seen.push_back(i); });
        }
        loop.stop();
    });
    loop.run();
    ASSERT_EQ(seen.size(), 1'000U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
}

}  // namespace
}  // namespace gw::net
