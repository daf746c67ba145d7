// A WebSocket between a client and a service, once both have agreed: bytes both ways, each way as
// fast as the slower side takes them, until one of them ends or the gateway has a reason to.
//
// A tunnel on which nothing moves holds two sockets, or a socket and a stream of HTTP/2, this
// object and a few small coroutines: no buffer, and nothing of the request that it began with but
// what its access line says. It does not know the configuration that it began with either. One
// worker's thread.
#pragma once

#include <memory>
#include <string>

#include "gateway/exchange.hpp"
#include "http/socket_duplex.hpp"
#include "http/websocket_frames.hpp"
#include "net/buffers.hpp"
#include "net/scope.hpp"
#include "observe/access_log.hpp"
#include "observe/metrics.hpp"
#include "upstream/endpoint.hpp"

namespace gw::gateway {

class Tunnel final : public http::Takeover {
  public:
    using End = observe::TunnelEnd;

    // first: what the service has sent already; the client gets it with the 101.
    Tunnel(Exchange& x, upstream::Lease lease, std::string_view first);
    Tunnel(const Tunnel&) = delete;
    Tunnel& operator=(const Tunnel&) = delete;
    ~Tunnel() override = default;

    net::Task<void> run(http::Duplex& client, net::Buffer buffer, std::string_view first) override;

    // Ends it for a reason of ours: the client gets a Close frame with this code as soon as the
    // service's current frame is through, at most kGrace later. Nothing happens when it is ending
    // already. From the loop, never from a coroutine of its own.
    void close(std::uint16_t code, End end);

    // Ends it here and now, whatever is on its way.
    void cut();

    [[nodiscard]] const IpAddress& client_address() const { return client_address_; }
    [[nodiscard]] const identity::Identity* identity() const { return identity_.get(); }
    [[nodiscard]] const std::string& route() const { return route_; }
    // The name of the service that it leads to.
    [[nodiscard]] std::string_view service() const { return line_.upstream; }

  private:
    friend class TunnelList;
    enum class Way : bool { up, down };  // to the service, to the client

    // How long an end may take: to the end of a frame, and then to the client's own end.
    static constexpr Millis kGrace{2'000};

    net::Task<void> carry(Way way, net::Buffer buffer, std::string_view bytes);
    // Of bytes that came: what goes on.
    std::string_view take(Way way, std::string_view bytes);
    [[nodiscard]] bool stops(Way way) const;
    void came_to_end(Way way);
    void broke(Way way, const Error& error);
    void begin_end(End end);
    net::Task<void> say_close();
    net::Task<void> linger();
    void on_time();
    void arm();
    void keep_texts();
    void write_line();

    struct Alarm : net::Timer {
        explicit Alarm(Tunnel& owner)
            : Timer([](Timer& t) { static_cast<Alarm&>(t).tunnel.on_time(); }), tunnel(owner) {}
        Tunnel& tunnel;
    };

    Shard& shard_;
    upstream::Lease lease_;
    http::SocketDuplex service_;
    http::Duplex* client_ = nullptr;  // while it runs
    net::PaceLimits pace_;
    http::WebSocketFrames frames_;  // to the client
    IpAddress client_address_;
    std::shared_ptr<const identity::Identity> identity_;
    std::string route_;
    Instant began_;
    Instant moved_;
    Instant::duration idle_timeout_;
    Instant ends_;  // at the latest
    End ends_by_;   // and by what
    std::uint16_t close_code_ = 0;
    bool ending_ = false;
    bool client_ended_ = false;
    End end_ = End::service;
    const char* broke_by_ = nullptr;  // of a side that did not end well
    observe::AccessRecord line_;
    std::string texts_;  // of the line
    net::Scope scope_;
    Alarm alarm_{*this};
    Tunnel* previous_ = nullptr;  // in the list
    Tunnel* next_ = nullptr;
};

// The tunnels of one worker.
class TunnelList {
  public:
    void enter(Tunnel& tunnel);
    void leave(Tunnel& tunnel);
    // Of those for which `hit` gives a reason: closes them with that code.
    template <class Hit>
    void close_where(std::uint16_t code, Hit hit) {
        for (Tunnel* tunnel = first_; tunnel != nullptr; tunnel = tunnel->next_) {
            if (const auto end = hit(*tunnel); end) {
                tunnel->close(code, *end);
            }
        }
    }

    void cut_all();

  private:
    Tunnel* first_ = nullptr;
};

}  // namespace gw::gateway
