#include "http/h2_client.hpp"

#include <algorithm>
#include <utility>

namespace gw::http {
namespace {

constexpr std::size_t kOutputMax = 256UL * 1024;  // written at a time
// Whatever the service takes at once.
constexpr std::size_t kStreamsMost = 1'000;
// Before it has said what it takes, which comes within one way to it and back: more may be refused.
// One that is slow to say it is taken to set no limit.
constexpr std::size_t kStreamsUntilKnown = 1;
constexpr Millis kKnownWithin{500};
// While requests wait and nothing comes, the service is asked whether it is there.
constexpr Millis kQuietMost{15'000};
constexpr Millis kPingPatience{10'000};
// Less says nothing of a connection: clients may choose times that are over at once.
constexpr Millis kSilenceLeast{250};

constexpr H2Limits kLimits{.streams_max = 0,
                           .stream_window = 64UL * 1024,
                           .connection_window = 16UL * 1024 * 1024,
                           .header_list_max = 16UL * 1024};

}  // namespace

H2ClientConnection::H2ClientConnection(net::Loop& loop, net::Fd fd, H1Pool& pool,
                                       const net::PaceLimits& pace, Millis idle_timeout)
    : stream_(loop, std::move(fd), Fault::upstream),
      pool_(pool),
      pace_(pace),
      idle_timeout_(idle_timeout),
      session_(kLimits, *this, H2Session::Side::client),
      opened_(loop.now()),
      heard_(loop.now()),
      idle_since_(loop.now()) {
    flush_.run = [](net::EndOfTurn& work) {
        H2ClientConnection& self = static_cast<Flush&>(work).connection;
        self.flush_put_off_ = false;
        if (self.writer_) {
            std::exchange(self.writer_, nullptr).resume();
        }
    };
}

bool H2ClientConnection::has_room() const {
    const bool known = known_ || loop().now() >= opened_ + kKnownWithin;
    return takes_new() &&
           live_ < std::min(known ? kStreamsMost : kStreamsUntilKnown, session_.peer_streams_max());
}

Instant H2ClientConnection::known_by() const {
    const Instant by = opened_ + kKnownWithin;
    return known_ || !takes_new() || by <= loop().now() ? kNever : by;
}

void H2ClientConnection::greeted() {
    if (!std::exchange(known_, true) && tell_known_) {
        tell_known_(true);
    }
}

void H2ClientConnection::retire() {
    retired_ = true;
    if (live_ == 0 && served_ > 0) {  // a fresh one has been made for somebody
        stream_.cancel();
    }
}

Instant H2ClientConnection::wait_until() const {
    const Instant idle = live_ == 0 ? idle_since_ + idle_timeout_ : kNever;
    if (pinged_ != kNever) {
        return std::min(idle, pinged_ + kPingPatience);
    }
    // Requests that were given up are not forgotten: the next ones would wait from the start.
    return live_ > 0 || owes_ ? std::min(idle, std::max(heard_, asked_) + kQuietMost) : idle;
}

void H2ClientConnection::heard() {
    heard_ = loop().now();
    pinged_ = kNever;
    owes_ = false;
    doubted_ = false;
}

void H2ClientConnection::doubt(Instant since) {
    const Instant now = loop().now();
    if (heard_ > since || now - since < kSilenceLeast || closing_) {
        return;
    }
    doubted_ = true;
    if (now >= next_ping_) {
        ping();
        stream_.cancel_read();  // it waits another time
    }
}

void H2ClientConnection::ping() {
    pinged_ = loop().now();
    next_ping_ = pinged_ + kPingPatience;  // services end connections that ask often
    session_.ping();
    kick();
}

// The time that wait_until() gave is over. True: the connection is.
bool H2ClientConnection::waited_long_enough() {
    const Instant now = loop().now();
    if (now < wait_until()) {
        return false;
    }
    if (pinged_ != kNever || (live_ == 0 && now >= idle_since_ + idle_timeout_)) {
        return true;
    }
    ping();
    return false;
}

Task<void> H2ClientConnection::run() {
    scope_.spawn(write_out());
    while (!closing_) {
        const Result<void> ready = co_await stream_.readable(wait_until());
        if (!ready) {
            const Errc why = ready.error().code;
            if (stream_.cancelled() || (why != Errc::timeout && why != Errc::cancelled) ||
                (why == Errc::timeout && waited_long_enough())) {
                break;
            }
            continue;
        }
        const net::Buffer in = pool_.wide.take();
        const Result<std::size_t> got =
            co_await stream_.read_some(in.span(), loop().now() + kQuietMost);
        if (!got && !stream_.cancelled() &&
            (got.error().code == Errc::timeout || got.error().code == Errc::cancelled)) {
            continue;
        }
        if (!got || *got == 0) {
            break;
        }
        heard();
        if (!session_.receive({in.data(), *got})) {
            closing_ = true;
        }
        kick();
        if (live_ == 0 && takes_no_more()) {
            break;
        }
    }
    closing_ = true;
    for (H2ClientStream* stream = first_; stream != nullptr; stream = stream->next_) {
        stream->lost();
    }
    if (!std::exchange(known_, true) && tell_known_) {
        tell_known_(false);
    }
    kick();
    co_await scope_.all_done();
    if (flush_put_off_) {
        loop().forget(flush_);
        flush_put_off_ = false;
    }
    stream_.cancel();
    ended_ = true;
}

void H2ClientConnection::kick() {
    if (writer_ && !flush_put_off_) {
        flush_put_off_ = true;
        loop().at_end_of_turn(flush_);
    }
}

Task<void> H2ClientConnection::write_out() {
    while (true) {
        session_.fill(out_, kOutputMax);
        if (out_.empty()) {
            if (closing_) {
                break;
            }
            if (live_ == 0) {
                out_ = {};
            }
            co_await Output{*this};
            continue;
        }
        const Result<void> written = co_await stream_.write(out_, pace_);
        out_.clear();
        if (!written) {
            stream_.cancel();
            break;
        }
    }
}

void H2ClientConnection::link(H2ClientStream& stream) {
    stream.next_ = first_;
    if (first_ != nullptr) {
        first_->previous_ = &stream;
    }
    first_ = &stream;
    if (!std::exchange(owes_, true)) {
        asked_ = loop().now();
    }
    if (live_++ == 0) {
        stream_.cancel_read();  // it waits another time
    }
}

void H2ClientConnection::unlink(H2ClientStream& stream) {
    (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
    if (stream.next_ != nullptr) {
        stream.next_->previous_ = stream.previous_;
    }
    ++served_;
    if (--live_ == 0) {
        idle_since_ = loop().now();
        if (takes_no_more()) {
            stream_.cancel();
        } else {
            stream_.cancel_read();
        }
    }
}

}  // namespace gw::http
