// Clients' HTTP/2 connections (RFC 9113). Each request on one is a Stream and a coroutine of its
// own; what they write in one turn of the loop leaves together. Flow control is back-pressure: a
// client may send as much again as was passed on, and a response is taken from its service as fast
// as the client reads it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/h1_pool.hpp"
#include "http/h1_server.hpp"
#include "http/h2_flood.hpp"
#include "http/h2_session.hpp"
#include "http/h2_work.hpp"
#include "http/stream.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "net/stream.hpp"

namespace gw::http {

class H2Stream;
class H2Server;

// What a client that speaks HTTP/2 without having been asked sends first (RFC 9113, 3.4).
inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class H2Connection final : H2Session::Events {
  public:
    H2Connection(H2Server& server, net::Stream& stream, const net::Address& peer);
    H2Connection(const H2Connection&) = delete;
    H2Connection& operator=(const H2Connection&) = delete;

    // Serves until the connection ends. first: what was read of it already.
    Task<void> run(net::Buffer first, std::size_t filled);

    // Takes no further requests, politely: those that are on their way are served.
    void drain();
    // Nothing: a request is in flight, or the client has not begun.
    [[nodiscard]] std::optional<Instant> idle_since() const {
        return greeted_ && live_ == 0 && !closing_ && drain_ == Drain::no
                   ? std::optional(idle_since_)
                   : std::nullopt;
    }
    void give_way() { drain(); }

  private:
    friend class H2Server;
    friend class H2Stream;
    enum class Drain : std::uint8_t { no, announced, said };

    H2Session::Listener* stream_began(std::int32_t id) override;
    bool spend(H2Cost cost) override { return flood_.spend(cost, loop().now()); }
    void greeted() override;
    void ping_answered() override;
    void broken(H2Code code) override;

    [[nodiscard]] net::Loop& loop() const { return stream_.loop(); }
    void take_in(std::string_view bytes);
    [[nodiscard]] Instant wait_until() const;
    bool waited_long_enough();
    void say_end();
    void kick();
    void wake_reader() { stream_.cancel_read(); }
    void stream_ended();
    void count_reset();
    void report(H2Code code);
    Task<void> write_out();
    void give_back_output();
    Task<void> serve(std::unique_ptr<H2Stream> stream);
    Task<void> linger();
    void link(H2Stream& stream);
    void unlink(H2Stream& stream);

    struct Flush : net::EndOfTurn {
        explicit Flush(H2Connection& owner) : connection(owner) {}
        H2Connection& connection;
    };
    struct Output {
        H2Connection& connection;
        [[nodiscard]] bool await_ready() const { return connection.closing_; }
        void await_suspend(std::coroutine_handle<> handle) const { connection.writer_ = handle; }
        void await_resume() const {}
    };

    H2Server& server_;
    net::Stream& stream_;
    net::Address peer_;
    H2Session session_;
    H2Flood flood_;
    net::Scope scope_;
    std::string out_;
    std::coroutine_handle<> writer_;  // while it waits for something to write
    Flush flush_{*this};
    bool flush_put_off_ = false;
    bool closing_ = false;   // nothing more is read; what is to be written is the last
    bool reported_ = false;  // as abuse: once
    bool flooded_ = false;
    bool greeted_ = false;
    Drain drain_ = Drain::no;
    Instant drain_due_{};
    Instant idle_since_{};
    Instant head_began_;  // of the head that is arriving, before them of the client's greeting
    std::uint64_t served_ = 0;
    std::unique_ptr<H2Stream> arriving_;  // its head is not yet complete
    std::vector<std::unique_ptr<H2Stream>> fresh_;
    H2Stream* first_ = nullptr;
    std::size_t streams_max_;
    bool extended_connect_;
    std::size_t live_ = 0;  // streams whose requests are in hand
    std::size_t open_ = 0;  // of them, those that the client has to count as well
    H2Connection* next_ = nullptr;
    H2Connection* previous_ = nullptr;
};

// All HTTP/2 connections of one worker.
class H2Server {
  public:
    explicit H2Server(H1ServerShared& shared) : shared_(shared) {}

    // Serves a connection that an H1Connection was given, or that chose HTTP/2 while TLS began.
    Task<void> serve(net::Stream& stream, net::Address peer, net::Buffer first, std::size_t filled);
    // All connections end as soon as their requests are served.
    void drain();
    // At most so many of those that have been idle since `before` or longer.
    void end_longest_idle(Instant before, std::size_t most);
    [[nodiscard]] std::size_t connections() const { return count_; }
    // What is kept for later requests.
    void drop_reserve() { work_.drop(); }
    H2Limits limits;  // of connections to come

  private:
    friend class H2Connection;
    friend class H2Stream;
    H1ServerShared& shared_;
    Reserve<H2Work> work_;
    std::string spare_;  // what a connection writes from, while none does
    H2Connection* first_ = nullptr;
    std::size_t count_ = 0;
    bool draining_ = false;
};

}  // namespace gw::http
