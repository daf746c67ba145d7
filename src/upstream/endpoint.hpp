// One address of one service, on one worker: its connections, idle and lent.
//
// A connection that has served is kept for the next request, the most recently used first, so that
// the rest grow old and are closed. One worker's thread; pinned, and it outlives its leases.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "http/h2_client.hpp"
#include "net/connector.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"
#include "upstream/idle_limit.hpp"
#include "upstream/service_options.hpp"

namespace gw::upstream {

struct Connection final : net::Stream::Watcher {
    Connection(net::Loop& loop, net::Fd fd, Instant now)
        : stream(loop, std::move(fd), Fault::upstream), opened(now), idle_since(now) {}
    void peer_left(bool) override { closed = stream.loop().now(); }

    net::Stream stream;
    Instant opened;
    Instant idle_since;
    Instant closed = kNever;  // by the service, while it was unused
    std::uint64_t served = 0;
    std::uint64_t tls = 0;  // TlsClient::id(); 0: plain
};

class Endpoint;

// A borrowed connection. Unless it is given back as reusable, it is closed when the lease ends.
class Lease {
  public:
    Lease() = default;
    Lease(Endpoint& endpoint, std::unique_ptr<Connection> connection)
        : endpoint_(&endpoint), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept
        : endpoint_(std::exchange(other.endpoint_, nullptr)),
          connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&& other) noexcept {
        std::swap(endpoint_, other.endpoint_);
        std::swap(connection_, other.connection_);
        return *this;
    }
    ~Lease();

    [[nodiscard]] net::Stream& stream() const { return connection_->stream; }
    [[nodiscard]] Endpoint& endpoint() const { return *endpoint_; }
    [[nodiscard]] bool reused() const { return connection_->served > 0; }
    // keep_alive: how long the service said that it keeps it; zero: nothing was said.
    void give_back(std::chrono::seconds keep_alive);

  private:
    Endpoint* endpoint_ = nullptr;
    std::unique_ptr<Connection> connection_;
};

// A request's place on a connection that it shares with others.
class SharedLease {
  public:
    SharedLease(Endpoint& endpoint, http::H2ClientConnection& connection)
        : endpoint_(&endpoint), connection_(&connection) {}
    SharedLease(SharedLease&& other) noexcept
        : endpoint_(std::exchange(other.endpoint_, nullptr)), connection_(other.connection_) {}
    SharedLease& operator=(SharedLease&& other) noexcept {
        std::swap(endpoint_, other.endpoint_);
        std::swap(connection_, other.connection_);
        return *this;
    }
    ~SharedLease();

    [[nodiscard]] http::H2ClientConnection& connection() const { return *connection_; }
    [[nodiscard]] Endpoint& endpoint() const { return *endpoint_; }

  private:
    Endpoint* endpoint_;
    http::H2ClientConnection* connection_;
};

class Endpoint {
  public:
    Endpoint(net::Loop& loop, const net::Address& address, const ServiceOptions& options)
        : loop_(loop), address_(address), id_(id_of(address)), options_(options) {}
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    [[nodiscard]] const net::Address& address() const { return address_; }
    // The same in every worker and gateway.
    [[nodiscard]] std::uint64_t id() const { return id_; }
    static std::uint64_t id_of(const net::Address& address);

    // An idle connection that still looks alive, or an empty lease. exact: the kernel is asked too,
    // for requests that must not be sent twice.
    std::optional<Lease> reuse(bool exact);
    // A new connection. attempt: what is being waited for, while it is, for whoever has to cancel
    // it; else null. Errors: refused, timeout, unreachable, exhausted, cancelled; malformed, where
    // TLS or the service's certificate is not what it should be.
    net::Task<Result<Lease>> open(Instant deadline, net::Attempt*& attempt);

    // Of a service that speaks HTTP/2: a connection that has room for one more request, and a new
    // one only where there is none. One is made at a time; who comes meanwhile waits for it, and
    // fails with it.
    // Errors: as of open().
    net::Task<Result<SharedLease>> share(http::H1Pool& pool, net::PaceLimits pace, Instant deadline,
                                         net::Attempt*& attempt);
    // All shared connections end now.
    net::Task<void> end_shared();

    // Closes what has been idle or open for too long, or was closed by the service.
    void sweep();
    // Closes what is idle; what is lent is closed when it comes back.
    void retire();

    struct Count {
        std::size_t idle = 0;
        std::size_t active = 0;
    };
    [[nodiscard]] Count connections() const;
    // Connections that requests have, and requests on those that are shared.
    [[nodiscard]] std::size_t lent() const { return lent_; }
    // Nothing of it is in use any more.
    [[nodiscard]] bool unused() const { return lent_ == 0 && shared_scope_.live() == 0; }

  private:
    friend class Lease;
    friend class SharedLease;
    // For a connection that another request makes, or for what the service says of its room.
    struct Wait final : net::Attempt {
        explicit Wait(net::Loop& loop) : pause(loop) {}
        void cancel() override {
            cancelled = true;
            pause.wake();
        }
        net::Pause pause;
        std::optional<Error> failed;
        bool woken = false;
        bool cancelled = false;
    };
    net::Task<Result<void>> wait_for_room(Instant deadline, net::Attempt*& attempt);
    [[nodiscard]] Instant known_by() const;
    void room_is_known(bool said);
    void wake_waiting(const std::optional<Error>& failed);
    // Those that are too old take no more.
    [[nodiscard]] http::H2ClientConnection* with_room();
    static net::Task<void> run(http::H2ClientConnection& connection);
    [[nodiscard]] bool worn_out(const Connection& connection) const;
    [[nodiscard]] bool is_old(Instant opened) const;
    void take_back(std::unique_ptr<Connection> connection);
    net::Task<Result<void>> shake_hands(Connection& connection,
                                        std::shared_ptr<const net::TlsClient> tls, Instant deadline,
                                        net::Attempt*& attempt);
    // Of connections as they are made now.
    [[nodiscard]] std::uint64_t tls_id() const {
        return options_.tls_client != nullptr ? options_.tls_client->id() : 0;
    }
    // False: no longer; learns from it what there is to learn.
    bool is_fit(const Connection& connection, bool exact);

    net::Loop& loop_;
    net::Address address_;
    std::uint64_t id_;
    const ServiceOptions& options_;  // the service's: they change with its configuration
    std::string tls_spare_;
    std::vector<std::unique_ptr<Connection>> idle_;  // the most recently used last
    std::vector<std::unique_ptr<http::H2ClientConnection>> shared_;
    net::Scope shared_scope_;
    bool connecting_ = false;     // a shared one
    std::vector<Wait*> waiting_;  // for it
    IdleLimit idle_limit_;
    std::size_t lent_ = 0;
    bool retired_ = false;
};

}  // namespace gw::upstream
