#include "upstream/endpoint.hpp"

#include <algorithm>
#include <utility>

namespace gw::upstream {

Lease::~Lease() {
    if (endpoint_ != nullptr) {
        --endpoint_->lent_;
    }
}

void Lease::give_back(std::chrono::seconds keep_alive) {
    Endpoint* endpoint = std::exchange(endpoint_, nullptr);
    --endpoint->lent_;
    if (keep_alive != std::chrono::seconds::zero()) {
        endpoint->idle_limit_.announced(keep_alive);
    }
    endpoint->take_back(std::move(connection_));
}

std::optional<Lease> Endpoint::reuse(bool exact) {
    while (!idle_.empty()) {
        std::unique_ptr<Connection> connection = std::move(idle_.back());
        idle_.pop_back();
        if (!is_fit(*connection, exact)) {
            continue;
        }
        connection->stream.watch_peer(nullptr);
        ++lent_;
        return std::optional<Lease>(std::in_place, *this, std::move(connection));
    }
    return std::nullopt;
}

net::Task<Result<Lease>> Endpoint::open(Instant deadline, net::Attempt*& attempt) {
    if (lent_ >= options_.connections_max) {
        co_return fail(Errc::exhausted, Fault::self, "all connections to the service are in use");
    }
    ++lent_;  // counted while it is being made, so that a rush cannot pass the cap
    const Instant latest = std::min(deadline, loop_.now() + options_.connect_timeout);
    net::Connector connector(loop_, address_, latest);
    attempt = &connector;
    Result<net::Fd> made = co_await connector;
    attempt = nullptr;
    if (!made) {
        --lent_;
        // Not so when the whole request has run out of time.
        if (made.error().code == Errc::timeout && latest < deadline) {
            made.error().code = Errc::connect_timeout;
        }
        co_return std::unexpected(made.error());
    }
    auto connection = std::make_unique<Connection>(loop_, std::move(*made), loop_.now());
    if (options_.tls_client != nullptr) [[unlikely]] {
        Result<void> secured =
            co_await shake_hands(*connection, options_.tls_client, latest, attempt);
        if (!secured) {
            --lent_;
            if (secured.error().code == Errc::timeout && latest < deadline) {
                secured.error().code = Errc::connect_timeout;
            }
            co_return std::unexpected(secured.error());
        }
    }
    co_return Lease(*this, std::move(connection));
}

// tls: of its own, for configuration may change while it is on its way.
net::Task<Result<void>> Endpoint::shake_hands(Connection& connection,
                                              std::shared_ptr<const net::TlsClient> tls,
                                              Instant deadline, net::Attempt*& attempt) {
    struct Handshake final : net::Attempt {
        explicit Handshake(net::Stream& on) : stream(on) {}
        void cancel() override { stream.cancel(); }
        net::Stream& stream;
    };
    connection.stream.use_tls(*tls, tls_spare_);
    connection.tls = tls->id();
    Handshake handshake(connection.stream);
    attempt = &handshake;
    Result<void> done = co_await connection.stream.handshake(deadline);
    attempt = nullptr;
    if (!done && done.error().code != Errc::cancelled) {
        done.error().retry = Retry::yes;  // nothing was asked yet
    }
    co_return done;
}

SharedLease::~SharedLease() {
    if (endpoint_ != nullptr) {
        --endpoint_->lent_;
    }
}

http::H2ClientConnection* Endpoint::with_room() {
    for (const auto& connection : shared_) {
        if (!connection->has_room()) {
            continue;
        }
        if (is_old(connection->opened())) {
            connection->retire();
            continue;
        }
        return connection.get();
    }
    return nullptr;
}

net::Task<void> Endpoint::run(http::H2ClientConnection& connection) {
    co_await connection.run();
}

net::Task<Result<SharedLease>> Endpoint::share(http::H1Pool& pool, net::PaceLimits pace,
                                               Instant deadline, net::Attempt*& attempt) {
    if (lent_ >= options_.connections_max) {
        co_return fail(Errc::exhausted, Fault::self, "all places at the service are in use");
    }
    // Counted while it waits as well: a rush must not pass the cap together, and an endpoint that
    // leaves has to stay for as long as somebody waits at it.
    ++lent_;
    while (true) {
        if (http::H2ClientConnection* const found = with_room(); found != nullptr) {
            co_return SharedLease(*this, *found);
        }
        if (!connecting_ && known_by() == kNever) {
            break;
        }
        if (const Result<void> waited = co_await wait_for_room(deadline, attempt); !waited) {
            --lent_;
            co_return std::unexpected(waited.error());
        }
    }
    connecting_ = true;
    const Instant latest = std::min(deadline, loop_.now() + options_.connect_timeout);
    net::Connector connector(loop_, address_, latest);
    attempt = &connector;
    Result<net::Fd> made = co_await connector;
    attempt = nullptr;
    connecting_ = false;
    if (!made) {
        --lent_;
        Error error = made.error();
        if (error.code == Errc::timeout && latest < deadline) {
            error.code = Errc::connect_timeout;
        }
        // One that was given up, or had less time than the others, says nothing to them.
        const bool given_up = error.code == Errc::cancelled || error.code == Errc::timeout;
        wake_waiting(given_up ? std::nullopt : std::optional(error));
        co_return std::unexpected(error);
    }
    wake_waiting(std::nullopt);
    shared_.push_back(std::make_unique<http::H2ClientConnection>(loop_, std::move(*made), pool,
                                                                 pace, options_.idle_timeout));
    http::H2ClientConnection& fresh = *shared_.back();
    fresh.when_known([this](bool said) { room_is_known(said); });
    shared_scope_.spawn(run(fresh));
    if (retired_) {
        fresh.retire();
    }
    co_return SharedLease(*this, fresh);
}

// Until there may be room, or it is certain that the connection on its way gives none.
net::Task<Result<void>> Endpoint::wait_for_room(Instant deadline, net::Attempt*& attempt) {
    const Instant latest =
        connecting_ ? std::min(deadline, loop_.now() + options_.connect_timeout) : deadline;
    Wait wait(loop_);
    waiting_.push_back(&wait);
    attempt = &wait;
    co_await wait.pause.until(std::min(latest, known_by()));
    attempt = nullptr;
    std::erase(waiting_, &wait);
    if (wait.cancelled) {
        co_return fail(Errc::cancelled, Fault::upstream, "nobody waits any more");
    }
    if (wait.failed) {
        co_return std::unexpected(*wait.failed);
    }
    if (!wait.woken && loop_.now() >= latest) {
        const Errc code = latest < deadline ? Errc::connect_timeout : Errc::timeout;
        co_return fail(code, Fault::upstream, "no connection was made in time", Retry::yes);
    }
    co_return Result<void>{};
}

// When new connections are told from those that have no room, at the earliest.
Instant Endpoint::known_by() const {
    Instant earliest = kNever;
    for (const auto& connection : shared_) {
        earliest = std::min(earliest, connection->known_by());
    }
    return earliest;
}

// A connection that ends before the service has said anything is none.
void Endpoint::room_is_known(bool said) {
    std::optional<Error> failed;
    if (!said && !connecting_ && known_by() == kNever && with_room() == nullptr) {
        failed = Error{Errc::closed, Fault::upstream, Retry::yes,
                       "the service closed a new connection without a word"};
    }
    wake_waiting(failed);
}

void Endpoint::wake_waiting(const std::optional<Error>& failed) {
    for (Wait* const each : std::exchange(waiting_, {})) {
        each->failed = failed;
        each->woken = true;
        each->pause.wake();
    }
}

net::Task<void> Endpoint::end_shared() {
    for (const auto& connection : shared_) {
        connection->end();
    }
    co_await shared_scope_.all_done();
}

bool Endpoint::worn_out(const Connection& connection) const {
    const Instant::duration idle = loop_.now() - connection.idle_since;
    return idle > idle_limit_.limit(options_.idle_timeout, loop_.now()) ||
           is_old(connection.opened);
}

bool Endpoint::is_old(Instant opened) const {
    return options_.age_max > Millis::zero() && loop_.now() - opened > options_.age_max;
}

bool Endpoint::is_fit(const Connection& connection, bool exact) {
    if (connection.tls != tls_id()) {
        return false;  // made for another configuration
    }
    if (connection.stream.has_news(exact)) {
        if (connection.closed != kNever) {
            idle_limit_.closed_after(connection.closed - connection.idle_since, connection.closed);
        }
        return false;
    }
    return !worn_out(connection);
}

void Endpoint::take_back(std::unique_ptr<Connection> connection) {
    if (retired_ || idle_.size() >= options_.idle_connections_max || connection->tls != tls_id() ||
        connection->stream.has_news(false)) {
        return;
    }
    connection->idle_since = loop_.now();
    ++connection->served;
    connection->stream.watch_peer(connection.get());
    idle_.push_back(std::move(connection));
}

Endpoint::Count Endpoint::connections() const {
    const auto busy = static_cast<std::size_t>(
        std::ranges::count_if(shared_, [](const auto& each) { return each->live() > 0; }));
    const auto open = static_cast<std::size_t>(
        std::ranges::count_if(shared_, [](const auto& each) { return !each->ended(); }));
    const bool shares = options_.protocol == ServiceProtocol::h2;
    return {.idle = idle_.size() + open - std::min(open, busy), .active = shares ? busy : lent_};
}

// FNV-1a of the address as text.
std::uint64_t Endpoint::id_of(const net::Address& address) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : address.ip.to_string() + " " + std::to_string(address.port)) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash;
}

void Endpoint::sweep() {
    std::erase_if(idle_, [this](const std::unique_ptr<Connection>& connection) {
        return !is_fit(*connection, false);
    });
    std::erase_if(shared_, [](const auto& connection) {
        return connection->ended() && connection->live() == 0;
    });
}

void Endpoint::retire() {
    retired_ = true;
    idle_.clear();
    for (const auto& connection : shared_) {
        connection->retire();
    }
}

}  // namespace gw::upstream
