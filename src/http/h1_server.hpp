// A client's HTTP/1.1 connection: reads requests one after the other, hands each to the responder
// as a Stream, and keeps, drains or closes the connection as RFC 9112 section 9 says.
//
// While a connection waits for a request it holds no buffer and no request state, only itself: what
// a request needs is lent by the worker's H1Pool from its first byte to its end.
#pragma once

#include <optional>

#include "http/h1_parser.hpp"
#include "http/h1_pool.hpp"
#include "http/stream.hpp"
#include "net/listen_options.hpp"
#include "net/listener.hpp"
#include "net/pace.hpp"
#include "net/scope.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"
#include "net/tls_session.hpp"

namespace gw::http {

struct H1ServerLimits {
    H1Limits message;
    Millis head_timeout{
        10'000};  // from the first byte of a request (or the connect) to the end of its head
    Millis idle_timeout{75'000};  // between requests
    Millis lingering_close{
        2'000};  // how long unread input is thrown away so that the response arrives
    std::size_t drained_max = 256UL * 1024;  // … and how much of it
    std::uint64_t requests_max = 0;          // of one connection; 0: no limit
    net::PaceLimits pace;                    // the slowest client that is served
};

class H2Server;

// What all connections of a worker share.
struct H1ServerShared {
    net::Loop& loop;
    H1Pool& pool;
    Responder& responder;
    H1ServerLimits limits;          // changed between requests only, with the configuration
    net::TlsServer* tls = nullptr;  // for connections that come by secure(); null: none do
    H2Server* h2 = nullptr;         // takes over who speaks HTTP/2; null: nobody may
    bool h2_unasked = false;        // … and may begin in it on a connection without TLS
    net::ProxyProtocol proxy_protocol = net::ProxyProtocol::off;
    std::vector<Cidr> proxies{};  // whose PROXY headers are believed
};

class H1Connection {
  public:
    H1Connection(H1ServerShared& shared, net::Fd fd, const net::Address& peer)
        : shared_(shared), stream_(shared.loop, std::move(fd), Fault::client), peer_(peer) {}
    H1Connection(const H1Connection&) = delete;
    H1Connection& operator=(const H1Connection&) = delete;

    // Serves until the connection ends.
    Task<void> run();
    // Before all else, where PROXY headers are expected. False: it is to end.
    Task<bool> meet_proxy();
    [[nodiscard]] bool expects_proxy() const {
        return shared_.proxy_protocol != net::ProxyProtocol::off;
    }
    // Before run(), on a port for TLS. False: they did not come to terms.
    Task<bool> shake_hands();
    // Instead of run(), where TLS has agreed on HTTP/2.
    Task<void> run_h2();
    [[nodiscard]] bool chose_h2() const { return shared_.h2 != nullptr && stream_.alpn() == "h2"; }

    [[nodiscard]] bool idle() const { return idle_; }
    // Nothing: a request is in flight, or HTTP/2 is spoken (H2Connection knows then).
    [[nodiscard]] std::optional<Instant> idle_since() const {
        return idle_ && !closing_ ? std::optional(idle_since_) : std::nullopt;
    }
    // Ends a connection that waits for a request. In flight, the response is its last.
    void end_when_idle();
    void give_way() { end_when_idle(); }

  private:
    friend class H1Stream;
    friend class H1Server;
    // Serves the request that has begun to arrive and those behind it. False: the connection is
    // done.
    Task<bool> serve_burst();
    // What has arrived of a request.
    struct Arrived {
        std::size_t filled = 0;    // bytes in the buffer
        std::size_t consumed = 0;  // of them, the head's
        H1Refusal refusal{.status = 0, .detail = ""};
    };
    static bool take_head(H1Work& work, const H1ServerLimits& limits, Arrived& arrived);
    static void refuse(H1Work& work, Arrived& arrived, const H1Refusal& refusal);
    Task<void> linger(net::Buffer& buffer);
    // Does the connection begin in HTTP/2? `waits`: it may yet.
    [[nodiscard]] bool speaks_h2(const H1Work& work, const Arrived& arrived, bool& waits) const;

    H1ServerShared& shared_;
    net::Stream stream_;
    net::Address peer_;
    H1Connection* next_ = nullptr;  // in the server's list
    H1Connection* previous_ = nullptr;
    std::uint64_t served_ = 0;
    bool closing_ = false;  // takes no further request
    bool idle_ = true;
    Instant idle_since_ = shared_.loop.now();
};

// All HTTP/1.1 connections of one worker.
class H1Server final : public net::Acceptor {
  public:
    H1Server(H1ServerShared& shared, net::ConnectionBudget& budget)
        : shared_(shared), budget_(budget) {}

    void accepted(net::Fd connection, const net::Address& peer) override;
    // Room is made at the cost of those that have been idle the longest.
    void out_of_budget() override;
    // For listeners whose clients speak TLS.
    [[nodiscard]] net::Acceptor& secure() { return secure_; }
    // Connections between requests end now, the others with their response.
    void end_idle();
    // All end now, whatever they carry.
    void end_all();
    [[nodiscard]] std::size_t connections() const { return scope_.live(); }
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    struct Secure : net::Acceptor {
        explicit Secure(H1Server& owner) : server(owner) {}
        void accepted(net::Fd connection, const net::Address& peer) override;
        void out_of_budget() override { server.out_of_budget(); }
        H1Server& server;
    };
    Task<void> serve(net::Fd fd, net::Address peer);
    Task<void> serve_secure(net::Fd fd, net::Address peer);
    void link(H1Connection& connection);
    void unlink(H1Connection& connection);

    H1ServerShared& shared_;
    net::ConnectionBudget& budget_;
    net::Scope scope_;
    Secure secure_{*this};
    H1Connection* first_ = nullptr;
};

}  // namespace gw::http
