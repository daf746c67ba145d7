#include "state/redis_connection.hpp"

#include "base/ensure.hpp"
#include "net/connector.hpp"
#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

// Beyond these Redis is far behind, and more would only wait for the time limit.
constexpr std::size_t kPendingMax = 100'000;
constexpr std::size_t kQueuedBytesMax = 64UL * 1024 * 1024;
constexpr std::size_t kReadBytes = 16UL * 1024;
// A server that takes nothing for so long is found out by the deadlines of commands anyway.
constexpr net::PaceLimits kPace{
    .stall = Millis{1'000}, .stretch = Millis{10'000}, .bytes_per_second = 0};

constexpr Error kEnded{Errc::cancelled, Fault::store, Retry::yes, "Redis is not connected"};
constexpr Error kLate{Errc::timeout, Fault::store, Retry::yes, "Redis does not answer in time"};
constexpr Error kGone{Errc::closed, Fault::store, Retry::yes, "Redis closed the connection"};

bool is_message(const RedisReply& reply) {
    return reply.is(RedisReply::Kind::list) && reply.items.size() == 3 &&
           reply.items[0].text == "message";
}

}  // namespace

RedisConnection::RedisConnection(net::Loop& loop, const RedisTlsContext* tls, Listener* listener)
    : loop_(loop), tls_context_(tls), listener_(listener), received_(kReadBytes), more_(loop) {}

RedisConnection::~RedisConnection() {
    ensure(pending_.empty(), "a connection to Redis ended under its commands");
}

net::Task<Result<void>> RedisConnection::open(net::Address address, std::string host,
                                              RedisLogin login, Instant deadline) {
    if (state_ == State::closed) {
        co_return std::unexpected(why_);
    }
    ensure(state_ == State::fresh, "a connection to Redis is opened once");
    if (tls_context_ != nullptr && tls_context_->trouble() != nullptr) {
        co_return fail(Errc::system, Fault::self, tls_context_->trouble());
    }
    state_ = State::opening;
    Result<net::Fd> fd = co_await net::connect(loop_, address, deadline);
    if (!fd) {
        Error why = fd.error();
        why.fault = Fault::store;
        close(why);
        co_return std::unexpected(why);
    }
    if (state_ == State::closed) {
        co_return std::unexpected(why_);
    }
    stream_ = std::make_unique<net::Stream>(loop_, std::move(*fd), Fault::store);
    if (tls_context_ != nullptr) {
        tls_ = std::make_unique<RedisTls>(*tls_context_, host);
        if (const Result<void> shaken = co_await handshake(deadline); !shaken) {
            close(shaken.error());
            co_return std::unexpected(why_);
        }
    }
    if (state_ == State::closed) {
        co_return std::unexpected(why_);
    }
    state_ = State::open;
    scope_.spawn(read_all());
    scope_.spawn(write_all());
    const Result<void> in = co_await log_in(std::move(login), deadline);
    if (!in) {
        close(in.error());
        co_return in;
    }
    told_open_ = usable();
    co_return in;
}

net::Task<Result<void>> RedisConnection::handshake(Instant deadline) {
    std::string_view received;
    while (true) {
        if (const auto taken = tls_->take(received, plain_, wire_); !taken) {
            co_return taken;
        }
        if (!wire_.empty()) {
            sending_.swap(wire_);
            const Result<void> sent = co_await stream_->write(sending_, kPace);
            sending_.clear();
            if (!sent) {
                co_return sent;
            }
        }
        if (tls_->ready()) {
            co_return Result<void>{};
        }
        const Result<std::size_t> got = co_await stream_->read_some(received_, deadline);
        if (!got || *got == 0) {
            co_return std::unexpected(got ? kGone : got.error());
        }
        received = {received_.data(), *got};
    }
}

net::Task<Result<void>> RedisConnection::log_in(RedisLogin login, Instant deadline) {
    std::vector<RedisCommand> commands;
    if (!login.password.empty()) {
        commands.push_back(login.user.empty() ? RedisCommand{"AUTH", login.password}
                                              : RedisCommand{"AUTH", login.user, login.password});
    }
    if (login.db != 0) {
        commands.push_back({"SELECT", std::to_string(login.db)});
    }
    // Says NOAUTH or LOADING here rather than later.
    commands.push_back({"PING"});
    const auto replies = co_await run_all(std::move(commands), deadline);
    if (!replies) {
        co_return std::unexpected(replies.error());
    }
    for (const RedisReply& reply : *replies) {
        if (reply.is(RedisReply::Kind::error)) {
            co_return std::unexpected(error_of(reply.text));
        }
    }
    co_return Result<void>{};
}

net::Task<Result<RedisReply>> RedisConnection::run(RedisCommand command, Instant deadline) {
    std::vector<RedisCommand> one;
    one.push_back(std::move(command));
    auto replies = co_await run_all(std::move(one), deadline);
    if (!replies) {
        co_return std::unexpected(replies.error());
    }
    co_return std::move(replies->front());
}

net::Task<Result<std::vector<RedisReply>>> RedisConnection::run_all(
    std::vector<RedisCommand> commands, Instant deadline) {
    if (state_ != State::open) {
        co_return std::unexpected(why_);
    }
    if (pending_.size() + commands.size() > kPendingMax || out_.size() > kQueuedBytesMax) {
        co_return fail(Errc::exhausted, Fault::store, "too much waits for Redis", Retry::yes);
    }
    Batch batch;
    batch.expected = commands.size();
    if (commands.empty()) {
        co_return std::move(batch.replies);
    }
    for (const RedisCommand& command : commands) {
        append_command(out_, command);
        pending_.push_back({&batch, deadline});
    }
    commands.clear();
    if (deadline < due_) {
        due_ = deadline;
        loop_.timers().arm(deadline_, due_);
    }
    more_.wake();
    co_await batch;
    if (batch.error) {
        co_return std::unexpected(*batch.error);
    }
    co_return std::move(batch.replies);
}

net::Task<Result<RedisReply>> RedisConnection::subscribe(std::string channel, Instant deadline) {
    subscribed_ = true;
    co_return co_await run({"SUBSCRIBE", std::move(channel)}, deadline);
}

net::Task<void> RedisConnection::read_all() {
    while (state_ == State::open) {
        const Result<std::size_t> got = co_await stream_->read_some(received_, kNever);
        if (!got || *got == 0) {
            close(got ? kGone : got.error());
            co_return;
        }
        if (const auto taken = take({received_.data(), *got}); !taken) {
            close(taken.error());
            co_return;
        }
    }
}

Result<void> RedisConnection::take(std::string_view bytes) {
    Result<void> end{};
    if (tls_ != nullptr) {
        end = tls_->take(bytes, plain_, wire_);
        if (!wire_.empty()) {
            more_.wake();
        }
        bytes = plain_;
    }
    const Result<void> fed = reader_.feed(bytes);
    plain_.clear();
    if (!fed) {
        return fed;
    }
    while (state_ == State::open) {
        Result<std::optional<RedisReply>> reply = reader_.next();
        if (!reply) {
            return std::unexpected(reply.error());
        }
        if (!reply->has_value()) {
            break;
        }
        if (const auto delivered = deliver(std::move(**reply)); !delivered) {
            return delivered;
        }
    }
    return end;
}

Result<void> RedisConnection::deliver(RedisReply reply) {
    if (subscribed_ && is_message(reply)) {
        if (listener_ != nullptr) {
            listener_->pushed(std::move(reply));
        }
        return {};
    }
    if (pending_.empty()) {
        // A server that has no room for us says so before it is asked anything.
        return reply.is(RedisReply::Kind::error)
                   ? std::unexpected(error_of(reply.text))
                   : fail(Errc::malformed, Fault::store, "Redis sent a reply to nothing");
    }
    Batch& batch = *pending_.front().batch;
    pending_.pop_front();
    batch.replies.push_back(std::move(reply));
    if (batch.replies.size() == batch.expected) {
        loop_.resume_soon(batch.waiter);
    }
    return {};
}

net::Task<void> RedisConnection::write_all() {
    while (state_ == State::open) {
        if (tls_ != nullptr && !out_.empty()) {
            const Result<void> sealed = tls_->seal(out_, wire_);
            out_.clear();
            if (!sealed) {
                close(sealed.error());
                co_return;
            }
        }
        std::string& ready = tls_ != nullptr ? wire_ : out_;
        if (ready.empty()) {
            co_await more_.until(kNever);
            continue;
        }
        sending_.swap(ready);
        const Result<void> written = co_await stream_->write(sending_, kPace);
        sending_.clear();
        if (!written) {
            close(written.error());
        }
    }
}

void RedisConnection::Deadline::fired(net::Timer& timer) {
    static_cast<Deadline&>(timer).connection.check_deadlines();
}

void RedisConnection::check_deadlines() {
    due_ = kNever;
    for (const Pending& pending : pending_) {
        due_ = std::min(due_, pending.deadline);
    }
    if (due_ <= loop_.now()) {
        close(kLate);
    } else if (due_ != kNever) {
        loop_.timers().arm(deadline_, due_);
    }
}

void RedisConnection::close(Error why) {
    if (state_ == State::closed) {
        return;
    }
    state_ = State::closed;
    why_ = why;
    deadline_.disarm();
    if (stream_ != nullptr) {
        stream_->cancel();
    }
    more_.wake();
    for (const Pending& pending : pending_) {
        if (!pending.batch->error) {
            pending.batch->error = why;
            loop_.resume_soon(pending.batch->waiter);
        }
    }
    pending_.clear();
    if (told_open_ && listener_ != nullptr) {
        listener_->ended(why);
    }
}

net::Task<void> RedisConnection::end() {
    close(kEnded);
    co_await scope_.all_done();
}

}  // namespace gw::state
