// What a Stream does otherwise when there is TLS on it.
#include <cerrno>

#include "net/socket_calls.hpp"
#include "net/stream.hpp"
#include "net/tls_session.hpp"

namespace gw::net {

void Stream::use_tls(TlsServer& server) {
    tls_ = std::make_unique<TlsSession>(server, fd_.get());
    tls_->input_came((state_ & kPeerLeft) != 0);
}

void Stream::use_tls(const TlsClient& client, std::string& spare) {
    tls_ = std::make_unique<TlsSession>(client, spare, fd_.get());
    tls_->input_came((state_ & kPeerLeft) != 0);
}

std::string_view Stream::alpn() const {
    return tls_ != nullptr ? tls_->alpn() : std::string_view{};
}

bool Stream::belongs_elsewhere(std::string_view host) const {
    return tls_ != nullptr && tls_->belongs_elsewhere(host);
}

observe::Handshake Stream::handshake_outcome() const {
    return tls_->outcome();
}

const TlsPeer* Stream::tls_peer() const {
    return tls_ != nullptr ? tls_->peer() : nullptr;
}

// TLS may hold what it has read ahead, of which the loop knows nothing: the stream stays readable
// until a read finds that there is nothing.
void Stream::settle_input(bool wants_more) {
    if (wants_more || !tls_->may_read()) {
        state_ &= static_cast<std::uint8_t>(~kReadable);
    } else {
        state_ |= kReadable;
    }
    // New keys may have to be answered with new keys. A write sends it along: that which waits, or
    // the answer to what there is to read.
    if (wants_more && writer_ == nullptr && (state_ & kWritable) != 0) {
        send_output();
    }
}

bool Stream::has_input() {
    if (tls_ == nullptr) [[likely]] {
        return true;
    }
    const bool wants_more = tls_->peek() == TlsSession::Step::wants_input;
    settle_input(wants_more);
    if (!wants_more) {
        state_ |= kReadable;
    }
    return !wants_more;
}

bool Stream::try_read_tls(std::span<char> into, Result<std::size_t>& result) {
    std::size_t got = 0;
    const TlsSession::Step step = tls_->read(into, got);
    settle_input(step == TlsSession::Step::wants_input);
    switch (step) {
        case TlsSession::Step::wants_input:
            return false;
        case TlsSession::Step::done:
        case TlsSession::Step::ended:
            result = got;
            return true;
        case TlsSession::Step::cut:
            result = fail(Errc::reset, peer_, tls_->trouble(), Retry::if_repeatable);
            return true;
        case TlsSession::Step::broken:
            break;
    }
    if (writer_ == nullptr && (state_ & kWritable) != 0) {
        send_output();  // what is wrong
    }
    // Not malformed: what it would have said was never read, and its peer may have ended it so.
    result = fail(Errc::reset, peer_, tls_->trouble());
    return true;
}

int Stream::send_output() {
    while (!tls_->output().empty()) {
        const ssize_t sent = socket_send(fd_.get(), tls_->output());
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                state_ &= static_cast<std::uint8_t>(~kWritable);
                return EAGAIN;
            }
            return errno;
        }
        written_ += static_cast<std::uint64_t>(sent);
        tls_->sent(static_cast<std::size_t>(sent));
    }
    return 0;
}

void Stream::say_goodbye() {
    // A message that is meant to look broken must not end like a whole one.
    if (tls_ != nullptr && (state_ & kResets) == 0 && ((state_ & kPeerGone) == 0 || cancelled())) {
        tls_->say_goodbye();
        send_output();
    }
}

Stream::HandshakeOp Stream::handshake(Instant deadline) {
    return {*this, deadline};
}

Stream::HandshakeOp::HandshakeOp(Stream& owner, Instant deadline) : deadline_(deadline) {
    stream = &owner;
    attempt = [](Op& op) { return static_cast<HandshakeOp&>(op).step(); };
    give_up = [](Op& op, Errc why) {
        static_cast<HandshakeOp&>(op).result_ =
            fail(why, op.stream->peer_, "the TLS handshake took too long");
    };
}

bool Stream::HandshakeOp::step() {
    Stream& s = *stream;
    const TlsSession::Step step = s.tls_->shake_hands();
    s.settle_input(step == TlsSession::Step::wants_input);
    if (step == TlsSession::Step::wants_input) {
        return false;
    }
    // Tickets are all that is left to say, and the first answer takes them along. Other last words,
    // and why it came to nothing, are waited for.
    if (step != TlsSession::Step::done || !s.tls_->puts_tickets_by()) {
        s.send_output();
    }
    if (step != TlsSession::Step::done) {
        result_ = fail(Errc::malformed, s.peer_, s.tls_->trouble());
    }
    return true;
}

bool Stream::HandshakeOp::await_ready() {
    if (stream->cancelled()) {
        give_up(*this, Errc::cancelled);
        return true;
    }
    return step();
}

void Stream::HandshakeOp::await_suspend(std::coroutine_handle<> handle) {
    waiter = handle;
    stream->start(stream->reader_, stream->read_timer_, *this, deadline_);
}

bool Stream::WriteOp::push_tls() {
    TlsSession& tls = *stream->tls_;
    while (true) {
        if (next_ < count_ && !tls.seal({pieces_.data(), count_}, next_, stream->loop_.now())) {
            result_ = fail(Errc::reset, stream->peer_, "TLS broke while sending");
            return true;
        }
        if (tls.output().empty()) {
            return true;
        }
        const std::uint64_t before = stream->written_;
        const int error = stream->send_output();
        moved_ += stream->written_ - before;
        any_ = any_ || stream->written_ > before;
        if (error == EAGAIN) {
            return false;
        }
        if (error != 0) {
            result_ = stream->broken(error);
            if (!any_) {
                result_.error().retry = Retry::yes;  // not a byte has left
            }
            return true;
        }
    }
}

}  // namespace gw::net
