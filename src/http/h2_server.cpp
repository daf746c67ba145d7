#include "http/h2_server.hpp"

#include <algorithm>
#include <utility>

#include "http/h2_stream.hpp"
#include "http/longest_idle.hpp"

namespace gw::http {
namespace {

// Written at a time: what a client that reads nothing can make us hold for each connection.
constexpr std::size_t kOutputMax = 64UL * 1024;
// How long a client has to hear that the connection ends before new streams are refused.
constexpr Millis kDrainNotice{1'000};
// While requests are in hand the connection only has to be looked at now and then.
constexpr Millis kLookAgain{5'000};
// One read may bring a request, or hundreds.
constexpr int kRequestsRead = 4;

}  // namespace

H2Connection::H2Connection(H2Server& server, net::Stream& stream, const net::Address& peer)
    : server_(server),
      stream_(stream),
      peer_(peer),
      session_(server.limits, *this),
      idle_since_(stream.loop().now()),
      head_began_(stream.loop().now()),
      streams_max_(server.limits.streams_max),
      extended_connect_(server.limits.extended_connect) {
    stream_.brings_work(kRequestsRead);
    flush_.run = [](net::EndOfTurn& work) {
        H2Connection& self = static_cast<Flush&>(work).connection;
        self.flush_put_off_ = false;
        if (self.writer_) {
            std::exchange(self.writer_, nullptr).resume();
        }
    };
}

Task<void> H2Connection::run(net::Buffer first, std::size_t filled) {
    scope_.spawn(write_out());
    take_in({first.data(), filled});
    first.release();
    kick();
    while (!closing_) {
        const Result<void> ready = co_await stream_.readable(wait_until());
        if (!ready) {
            const Errc why = ready.error().code;
            if (stream_.cancelled() || (why != Errc::timeout && why != Errc::cancelled) ||
                (live_ == 0 && session_.over()) || (why == Errc::timeout && waited_long_enough())) {
                break;
            }
            continue;
        }
        net::Buffer in = server_.shared_.pool.buffers.take();
        const Result<std::size_t> got = co_await stream_.read_some(in.span(), wait_until());
        if (!got || *got == 0) {
            if (!got && !stream_.cancelled() &&
                (got.error().code == Errc::timeout || got.error().code == Errc::cancelled)) {
                continue;
            }
            break;
        }
        take_in({in.data(), *got});
        if (live_ == 0 && session_.over()) {
            break;
        }
    }
    closing_ = true;
    for (H2Stream* stream = first_; stream != nullptr; stream = stream->next_) {
        stream->closed(H2Code::cancel);
    }
    kick();
    co_await scope_.all_done();
    arriving_.reset();
    fresh_.clear();
    if (flush_put_off_) {
        loop().forget(flush_);
    }
    if (!stream_.cancelled()) {
        co_await linger();
    }
}

void H2Connection::take_in(std::string_view bytes) {
    if (bytes.empty()) {
        return;
    }
    const bool good = session_.receive(bytes);
    if (!good || flooded_) {
        closing_ = true;
        report(flooded_ ? H2Code::enhance_your_calm : session_.ended_with());
        return;
    }
    for (std::unique_ptr<H2Stream>& stream : std::exchange(fresh_, {})) {
        if (!stream->is_closed()) {
            scope_.spawn(serve(std::move(stream)));
        }
    }
    kick();
}

// A stream is one request and one coroutine.
Task<void> H2Connection::serve(std::unique_ptr<H2Stream> stream) {
    stream->begin();
    if (++served_ == server_.shared_.limits.requests_max) {
        drain();
    }
    co_await server_.shared_.responder.serve(*stream);
    if (const std::unique_ptr<Takeover> next = stream->next(); next != nullptr) [[unlikely]] {
        co_await next->run(*stream, {}, {});
    }
    co_await stream->settle();
    stream.reset();
    stream_ended();
}

void H2Connection::stream_ended() {
    if (live_ > 0) {
        return;
    }
    idle_since_ = loop().now();
    if (out_.empty()) {
        give_back_output();
    }
    if (drain_ == Drain::said) {
        wake_reader();
    }
}

H2Session::Listener* H2Connection::stream_began(std::int32_t id) {
    // What was reset may still be at work for a moment.
    if (flooded_ || closing_ || open_ >= streams_max_ || live_ >= 2 * streams_max_) {
        return nullptr;
    }
    head_began_ = loop().now();
    arriving_ = std::make_unique<H2Stream>(*this, id);
    return arriving_.get();
}

void H2Connection::count_reset() {
    if (!closing_ && !flooded_ && !spend(H2Cost::reset)) {
        flooded_ = true;
        session_.end_with(H2Code::enhance_your_calm);
    }
}

void H2Connection::broken(H2Code code) {
    closing_ = true;
    wake_reader();
    report(code);
}

void H2Connection::report(H2Code code) {
    if (!std::exchange(reported_, true)) {
        server_.shared_.responder.abused(peer_, code == H2Code::enhance_your_calm
                                                    ? "a flood of HTTP/2 frames"
                                                    : "broken HTTP/2");
    }
}

void H2Connection::greeted() {
    if (!std::exchange(greeted_, true)) {
        head_began_ = kNever;
    }
}

// ---- waiting
// -----------------------------------------------------------------------------------------

Instant H2Connection::wait_until() const {
    const H1ServerLimits& limits = server_.shared_.limits;
    Instant until = live_ > 0 ? loop().now() + std::min(kLookAgain, limits.idle_timeout)
                              : idle_since_ + limits.idle_timeout;
    if (head_began_ != kNever) {
        until = std::min(until, head_began_ + limits.head_timeout);
    }
    if (drain_ == Drain::announced) {
        until = std::min(until, drain_due_);
    }
    return until;
}

// The time that wait_until() gave is over. True: the connection is.
bool H2Connection::waited_long_enough() {
    const Instant now = loop().now();
    const H1ServerLimits& limits = server_.shared_.limits;
    if (drain_ == Drain::announced && now >= drain_due_) {
        say_end();
    }
    if (head_began_ != kNever && now >= head_began_ + limits.head_timeout) {
        if (greeted_) {
            session_.end_with(H2Code::enhance_your_calm);
        } else {
            session_.end();  // who never began has done nothing wrong
        }
        return true;
    }
    if (live_ == 0 && now >= idle_since_ + limits.idle_timeout) {
        session_.end();
        return true;
    }
    return live_ == 0 && session_.over();
}

void H2Connection::drain() {
    if (drain_ == Drain::no && !closing_) {
        drain_ = Drain::announced;
        drain_due_ = loop().now() + kDrainNotice;
        session_.announce_end();
        kick();
        wake_reader();
    }
}

void H2Connection::ping_answered() {
    if (drain_ == Drain::announced) {
        say_end();
    }
}

void H2Connection::say_end() {
    drain_ = Drain::said;
    session_.end();
    kick();
}

// ---- writing
// -----------------------------------------------------------------------------------------

// What the streams have to say in one turn leaves together, at its end.
void H2Connection::kick() {
    if (writer_ && !flush_put_off_) {
        flush_put_off_ = true;
        loop().at_end_of_turn(flush_);
    }
}

// A connection that waits holds nothing; the next one to write need not make its buffer anew.
void H2Connection::give_back_output() {
    if (server_.spare_.capacity() < out_.capacity()) {
        server_.spare_.swap(out_);
    }
    out_ = {};
}

Task<void> H2Connection::write_out() {
    while (true) {
        if (out_.capacity() < server_.spare_.capacity()) {
            out_.swap(server_.spare_);
        }
        session_.fill(out_, kOutputMax);
        if (out_.empty()) {
            if (closing_) {
                break;
            }
            if (live_ == 0) {
                give_back_output();
                if (session_.over()) {
                    wake_reader();
                }
            }
            co_await Output{*this};
            continue;
        }
        net::PaceLimits pace = server_.shared_.limits.pace;
        if (closing_) {
            pace.stall = std::min(pace.stall, server_.shared_.limits.lingering_close);
        }
        const Result<void> written = co_await stream_.write(out_, pace);
        out_.clear();
        if (!written) {
            stream_.reset_on_close();  // the kernel need not keep what nobody reads
            stream_.cancel();
            break;
        }
    }
}

// As in HTTP/1.1: a close with unread input would reset the connection, and the client could lose
// what it has not read yet.
Task<void> H2Connection::linger() {
    stream_.shutdown_write();
    net::Buffer buffer = server_.shared_.pool.buffers.take();
    const Instant deadline = loop().now() + server_.shared_.limits.lingering_close;
    std::size_t drained = 0;
    while (drained < server_.shared_.limits.drained_max) {
        const Result<std::size_t> got = co_await stream_.read_some(buffer.span(), deadline);
        if (!got || *got == 0) {
            co_return;
        }
        drained += *got;
    }
}

// ---- lists
// -------------------------------------------------------------------------------------------

void H2Connection::link(H2Stream& stream) {
    stream.next_ = first_;
    if (first_ != nullptr) {
        first_->previous_ = &stream;
    }
    first_ = &stream;
    ++live_;
}

void H2Connection::unlink(H2Stream& stream) {
    (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
    if (stream.next_ != nullptr) {
        stream.next_->previous_ = stream.previous_;
    }
    --live_;
}

Task<void> H2Server::serve(net::Stream& stream, net::Address peer, net::Buffer first,
                           std::size_t filled) {
    const auto connection = std::make_unique<H2Connection>(*this, stream, peer);
    connection->next_ = first_;
    if (first_ != nullptr) {
        first_->previous_ = connection.get();
    }
    first_ = connection.get();
    ++count_;
    if (draining_) {
        connection->drain();
    }
    co_await connection->run(std::move(first), filled);
    --count_;
    (connection->previous_ != nullptr ? connection->previous_->next_ : first_) = connection->next_;
    if (connection->next_ != nullptr) {
        connection->next_->previous_ = connection->previous_;
    }
}

void H2Server::drain() {
    draining_ = true;
    for (H2Connection* connection = first_; connection != nullptr; connection = connection->next_) {
        connection->drain();
    }
}

void H2Server::end_longest_idle(Instant before, std::size_t most) {
    // Those that were asked to leave take a moment.
    std::size_t leaving = 0;
    for (H2Connection* connection = first_; connection != nullptr; connection = connection->next_) {
        leaving += connection->drain_ != H2Connection::Drain::no && connection->live_ == 0 ? 1 : 0;
    }
    http::end_longest_idle(
        first_, [](H2Connection& one) { return one.next_; }, before,
        most - std::min(most, leaving));
}

}  // namespace gw::http
