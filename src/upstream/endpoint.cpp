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

namespace {

// For the connection that another request has made.
struct Wait final : net::Attempt {
    explicit Wait(net::Loop& loop) : pause(loop) {}
    void cancel() override {
        cancelled = true;
        pause.wake();
    }
    net::Pause pause;
    bool cancelled = false;
};

}  // namespace

http::H2ClientConnection* Endpoint::with_room() const {
    const auto found =
        std::ranges::find_if(shared_, [](const auto& each) { return each->has_room(); });
    return found != shared_.end() ? found->get() : nullptr;
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
    Wait wait(loop_);
    while (true) {
        if (http::H2ClientConnection* const found = with_room(); found != nullptr) {
            co_return SharedLease(*this, *found);
        }
        if (!connecting_) {
            break;
        }
        if (loop_.now() >= deadline) {
            --lent_;
            co_return fail(Errc::timeout, Fault::upstream, "no connection was made in time");
        }
        waiting_.push_back(&wait.pause);
        attempt = &wait;
        co_await wait.pause.until(deadline);
        attempt = nullptr;
        std::erase(waiting_, &wait.pause);
        if (wait.cancelled) {
            --lent_;
            co_return fail(Errc::cancelled, Fault::upstream, "nobody waits any more");
        }
    }
    connecting_ = true;
    const Instant latest = std::min(deadline, loop_.now() + options_.connect_timeout);
    net::Connector connector(loop_, address_, latest);
    attempt = &connector;
    Result<net::Fd> made = co_await connector;
    attempt = nullptr;
    connecting_ = false;
    for (net::Pause* const each : std::exchange(waiting_, {})) {
        each->wake();
    }
    if (!made) {
        --lent_;
        if (made.error().code == Errc::timeout && latest < deadline) {
            made.error().code = Errc::connect_timeout;
        }
        co_return std::unexpected(made.error());
    }
    shared_.push_back(std::make_unique<http::H2ClientConnection>(loop_, std::move(*made), pool,
                                                                 pace, options_.idle_timeout));
    http::H2ClientConnection& fresh = *shared_.back();
    shared_scope_.spawn(run(fresh));
    if (retired_) {
        fresh.retire();
    }
    co_return SharedLease(*this, fresh);
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
           (options_.age_max > Millis::zero() &&
            loop_.now() - connection.opened > options_.age_max);
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
