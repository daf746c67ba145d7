#include "net/stream.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "net/sockaddr.hpp"
#include "net/socket_calls.hpp"
#include "net/tls_session.hpp"

namespace gw::net {
namespace {

const char* why_nothing_came(Errc why) {
    return why == Errc::cancelled ? "reading was given up" : "nothing came from the peer";
}

}  // namespace

Stream::Stream(Loop& loop, Fd fd, Fault peer) : loop_(loop), fd_(std::move(fd)), peer_(peer) {
    if (peer == Fault::client) {
        brings_work(1);
    }
    if (!loop_.watch(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this)) {
        state_ |= kPeerLeft | kPeerGone | kCancelled;
    }
}

Stream::~Stream() {
    ensure(reader_ == nullptr && writer_ == nullptr, "a stream ended under its reader or writer");
    say_goodbye();
    loop_.forget(fd_.get(), *this);
}

void Stream::on_events(std::uint32_t events) {
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        state_ |= kReadable;
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        state_ |= kWritable;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        state_ |= kPeerLeft;
        if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
            state_ |= kPeerGone;
        }
        if (watcher_ != nullptr) {
            watcher_->peer_left((state_ & kPeerGone) == 0);
        }
    }
    if (tls_ != nullptr) [[unlikely]] {
        if ((state_ & kReadable) != 0) {
            tls_->input_came((state_ & kPeerLeft) != 0);
        }
        if (writer_ == nullptr && (state_ & kWritable) != 0) {
            send_output();
        }
    }
    // What is resumed may destroy this stream, so both operations are settled before either goes
    // on.
    std::coroutine_handle<> reader;
    std::coroutine_handle<> writer;
    if (reader_ != nullptr && (state_ & kReadable) != 0 && reader_->attempt(*reader_)) {
        Op& op = *std::exchange(reader_, nullptr);
        read_timer_.disarm();
        if (op.reads) {
            loop_.resume_soon(op.waiter);
        } else {
            reader = op.waiter;
        }
    }
    if (writer_ != nullptr && !writer_->put_off && (state_ & kWritable) != 0 &&
        writer_->attempt(*writer_)) {
        writer = std::exchange(writer_, nullptr)->waiter;
        write_timer_.disarm();
    }
    if (reader) {
        reader.resume();
    }
    if (writer) {
        writer.resume();
    }
}

void Stream::start(Op*& slot, Timer& timer, Op& op, Instant deadline) {
    ensure(slot == nullptr, "two reads or two writes wait on one stream");
    slot = &op;
    loop_.timers().arm(timer, deadline);
}

void Stream::end(Op*& slot, Timer& timer, Errc why) {
    if (slot != nullptr) {
        Op& op = *std::exchange(slot, nullptr);
        timer.disarm();
        op.give_up(op, why);
        loop_.resume_soon(op.waiter);
    }
}

void Stream::read_timed_out(Timer& timer) {
    Stream& stream = static_cast<OpTimer&>(timer).stream;
    stream.end(stream.reader_, timer, Errc::timeout);
}

void Stream::write_timed_out(Timer& timer) {
    Stream& stream = static_cast<OpTimer&>(timer).stream;
    if (stream.writer_ != nullptr && static_cast<WriteOp*>(stream.writer_)->draining()) {
        return;
    }
    stream.end(stream.writer_, timer, Errc::timeout);
}

void Stream::cancel() {
    state_ |= kCancelled | kPeerLeft | kPeerGone;
    if (watcher_ != nullptr) {
        watcher_->peer_left(false);
    }
    end(reader_, read_timer_, Errc::cancelled);
    end(writer_, write_timer_, Errc::cancelled);
}

void Stream::cancel_read() {
    end(reader_, read_timer_, Errc::cancelled);
}

void Stream::shutdown_write() {
    say_goodbye();
    ::shutdown(fd_.get(), SHUT_WR);
}

void Stream::reset_on_close() {
    state_ |= kResets;
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Stream::watch_peer(Watcher* watcher) {
    watcher_ = watcher;
    if (watcher_ != nullptr && (state_ & kPeerLeft) != 0) {
        watcher_->peer_left((state_ & kPeerGone) == 0);
    }
}

bool Stream::has_news(bool exact) const {
    if (tls_ != nullptr) [[unlikely]] {
        // What came may be TLS's own: tickets, new keys.
        if ((state_ & (kPeerLeft | kCancelled)) != 0) {
            return true;
        }
        if (exact) {
            tls_->input_came(false);
        }
        return (exact || (state_ & kReadable) != 0) &&
               tls_->peek() != TlsSession::Step::wants_input;
    }
    if ((state_ & (kReadable | kPeerLeft | kCancelled)) != 0) {
        return true;
    }
    if (!exact) {
        return false;
    }
    char byte = 0;
    const ssize_t got = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

std::unexpected<Error> Stream::broken(int error) const {
    if (error == ENOBUFS || error == ENOMEM) {
        return fail(Errc::exhausted, Fault::self, "the kernel has no memory for sockets");
    }
    return fail(Errc::reset, peer_, "connection reset", Retry::if_repeatable);
}

std::size_t Stream::queued_bytes() const {
    int bytes = 0;
    return ::ioctl(fd_.get(), SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool Stream::try_read(std::span<char> into, Result<std::size_t>& result) {
    if (tls_ != nullptr) [[unlikely]] {
        return try_read_tls(into, result);
    }
    ssize_t got = 0;
    do {
        got = socket_receive(fd_.get(), into);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            state_ &= static_cast<std::uint8_t>(~kReadable);
            return false;
        }
        result = broken(errno);
        return true;
    }
    // Edge-triggered: a short read has emptied the socket, and the next byte brings a new event.
    // Not so once the peer has left: the end itself is still to be read, and announced no more.
    if (static_cast<std::size_t>(got) < into.size() && (state_ & kPeerLeft) == 0) {
        state_ &= static_cast<std::uint8_t>(~kReadable);
    }
    result = static_cast<std::size_t>(got);
    return true;
}

std::size_t Stream::look(std::span<char> into) {
    ssize_t got = 0;
    do {
        got = ::recv(fd_.get(), into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if ((state_ & kPeerLeft) == 0) {
        state_ &= static_cast<std::uint8_t>(~kReadable);
    }
    return static_cast<std::size_t>(std::max<ssize_t>(got, 0));
}

void Stream::drop(std::size_t bytes) {
    std::array<char, 512> taken;
    while (bytes > 0) {
        const ssize_t got =
            socket_receive(fd_.get(), std::span(taken).first(std::min(bytes, taken.size())));
        if (got <= 0) {
            break;
        }
        bytes -= static_cast<std::size_t>(got);
    }
    state_ |= kReadable;  // there may be more, of which nothing was said since
}

// ---- readable
// -------------------------------------------------------------------------------------------------

Stream::ReadableOp Stream::readable(Instant deadline) {
    return {*this, deadline};
}

Stream::ReadableOp::ReadableOp(Stream& owner, Instant deadline) : deadline_(deadline) {
    stream = &owner;
    attempt = [](Op& op) { return op.stream->has_input(); };
    give_up = [](Op& op, Errc why) {
        static_cast<ReadableOp&>(op).result_ = fail(why, op.stream->peer_, why_nothing_came(why));
    };
}

bool Stream::ReadableOp::await_ready() {
    if (stream->cancelled()) {
        give_up(*this, Errc::cancelled);
        return true;
    }
    return (stream->state_ & kReadable) != 0 && stream->has_input();
}

void Stream::ReadableOp::await_suspend(std::coroutine_handle<> handle) {
    waiter = handle;
    stream->start(stream->reader_, stream->read_timer_, *this, deadline_);
}

// ---- read_some
// ------------------------------------------------------------------------------------------------

Stream::ReadOp Stream::read_some(std::span<char> into, Instant deadline) {
    return {*this, into, deadline};
}

Stream::ReadOp Stream::read_some(Buffer& into, BufferPool& pool, Instant deadline) {
    ReadOp op{*this, {}, deadline};
    op.lent_ = &into;
    op.pool_ = &pool;
    return op;
}

bool Stream::ReadOp::try_read() {
    if (lent_ == nullptr) {
        return stream->try_read(into_, result_);
    }
    *lent_ = pool_->take();
    const bool done = stream->try_read(lent_->span(), result_);
    if (!done) {
        lent_->release();
    }
    return done;
}

Stream::ReadOp::ReadOp(Stream& owner, std::span<char> into, Instant deadline)
    : into_(into), deadline_(deadline) {
    stream = &owner;
    reads = true;
    attempt = [](Op& op) { return static_cast<ReadOp&>(op).try_read(); };
    give_up = [](Op& op, Errc why) {
        static_cast<ReadOp&>(op).result_ = fail(why, op.stream->peer_, why_nothing_came(why));
    };
}

bool Stream::ReadOp::await_ready() {
    if (stream->cancelled()) {
        give_up(*this, Errc::cancelled);
        return true;
    }
    return false;
}

void Stream::ReadOp::await_suspend(std::coroutine_handle<> handle) {
    if ((stream->state_ & kReadable) != 0 && try_read()) {
        stream->loop_.resume_soon(handle);
        return;
    }
    waiter = handle;
    stream->start(stream->reader_, stream->read_timer_, *this, deadline_);
}

// ---- write
// ----------------------------------------------------------------------------------------------------

Stream::WriteOp Stream::write(std::string_view first, std::string_view second,
                              std::string_view third, const PaceLimits& pace) {
    return {*this, {first, second, third}, pace};
}

Stream::WriteOp::WriteOp(Stream& owner, std::array<std::string_view, 3> pieces,
                         const PaceLimits& pace)
    : pace_(pace) {
    stream = &owner;
    for (const std::string_view piece : pieces) {
        if (!piece.empty()) {
            pieces_[count_++] = iovec{const_cast<char*>(piece.data()), piece.size()};
        }
    }
    attempt = [](Op& op) {
        auto& self = static_cast<WriteOp&>(op);
        const bool done = self.push();
        if (!done && self.moved_ > 0) {
            Loop& loop = op.stream->loop_;
            self.pace_.moved(std::exchange(self.moved_, 0), loop.now());
            self.queued_ = op.stream->queued_bytes();
            loop.timers().arm(op.stream->write_timer_, self.pace_.wait_until(loop.now()));
        }
        return done;
    };
    give_up = [](Op& op, Errc why) {
        auto& self = static_cast<WriteOp&>(op);
        if (self.put_off) {
            op.stream->loop_.forget(self);
        }
        self.result_ =
            fail(why, op.stream->peer_,
                 why == Errc::cancelled ? "writing was given up" : "the peer took no bytes");
    };
}

bool Stream::WriteOp::push() {
    if (stream->tls_ != nullptr) [[unlikely]] {
        return push_tls();
    }
    while (next_ < count_) {
        ssize_t sent = 0;
        if (count_ - next_ == 1) {
            sent = socket_send(
                stream->fd_.get(),
                {static_cast<const char*>(pieces_[next_].iov_base), pieces_[next_].iov_len});
        } else {
            msghdr message{};
            message.msg_iov = &pieces_[next_];
            message.msg_iovlen = count_ - next_;
            sent = socket_send(stream->fd_.get(), message);
        }
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                stream->state_ &= static_cast<std::uint8_t>(~kWritable);
                return false;
            }
            result_ = stream->broken(errno);
            if (!any_) {
                result_.error().retry = Retry::yes;  // not a byte has left
            }
            return true;
        }
        auto left = static_cast<std::size_t>(sent);
        stream->written_ += left;
        any_ = any_ || sent > 0;
        moved_ += left;
        while (next_ < count_ && left >= pieces_[next_].iov_len) {
            left -= pieces_[next_++].iov_len;
        }
        if (next_ < count_) {
            pieces_[next_].iov_base = static_cast<char*>(pieces_[next_].iov_base) + left;
            pieces_[next_].iov_len -= left;
        }
    }
    return true;
}

bool Stream::WriteOp::await_ready() {
    if (stream->cancelled()) {
        give_up(*this, Errc::cancelled);
        return true;
    }
    return count_ == 0;
}

void Stream::WriteOp::await_suspend(std::coroutine_handle<> handle) {
    ensure(stream->writer_ == nullptr, "two writes wait on one stream");
    waiter = handle;
    stream->writer_ = this;
    put_off = true;
    run = [](EndOfTurn& work) { static_cast<WriteOp&>(work).begin(); };
    stream->loop_.at_end_of_turn(*this);
}

// A socket with a large buffer becomes writable only when a third of it is free, which a slow
// reader may take long to read. What the peer has acknowledged meanwhile is progress all the same.
bool Stream::WriteOp::draining() {
    const std::size_t queued = stream->queued_bytes();
    if (queued >= queued_) {
        return false;
    }
    Loop& loop = stream->loop_;
    pace_.moved(queued_ - queued, loop.now());
    queued_ = queued;
    const Instant until = pace_.wait_until(loop.now());
    if (until <= loop.now()) {
        return false;
    }
    loop.timers().arm(stream->write_timer_, until);
    return true;
}

void Stream::WriteOp::begin() {
    put_off = false;
    if ((stream->state_ & kWritable) != 0 && push()) {
        stream->writer_ = nullptr;
        stream->loop_.resume_soon(waiter);
        return;
    }
    moved_ = 0;
    queued_ = stream->queued_bytes();
    Loop& loop = stream->loop_;
    loop.timers().arm(stream->write_timer_, pace_.wait_until(loop.now()));
}

}  // namespace gw::net
