// Whether the request in hand is sent again, asked after each attempt. What decides is
// upstream/retry.hpp; here is what it has to know.
#pragma once

#include "gateway/client_watch.hpp"
#include "gateway/exchange.hpp"
#include "upstream/retry.hpp"
#include "upstream/service.hpp"

namespace gw::gateway {

class Resend {
  public:
    explicit Resend(Exchange& x) : x_(x), protocol_(x.service->options().protocol) {}
    Resend(const Resend&) = delete;
    Resend& operator=(const Resend&) = delete;

    // After a failure. body_held: all that the service was sent of the body is still there.
    bool after(const Error& error, bool reused, bool body_held);
    // After an answer of which nothing has gone to the client.
    bool after(const http::ResponseHead& head, bool body_held);

    // After a failure to connect, of which the service knows nothing: whether to try again without
    // a pause. elsewhere: at another endpoint, which the budget does not keep from being asked.
    bool at_once(const Error& error, bool elsewhere);

    // The connection was closed as the request left: that says nothing of the service. Only the
    // first failure of a request can be that: who fails again, on whatever connection, fails. Asked
    // before after().
    [[nodiscard]] bool was_stale(const Error& error, bool reused) const;
    // Before it is sent again; ends early with the client, which is to be asked for then.
    net::Task<void> pause(ClientWatch& watch);

  private:
    // May be sent twice and is the same as once (RFC 9110, 9.2.2), by its method or because the
    // client gave it a key.
    [[nodiscard]] bool repeatable() const;
    // Nobody waits for it any more, the process ends, or a reload has moved the service to where it
    // speaks another protocol: what was begun in the old one cannot go on there.
    [[nodiscard]] bool is_over() const;
    bool decide(const upstream::Attempt& attempt);

    Exchange& x_;
    const upstream::ServiceProtocol protocol_;
    std::uint32_t retries_ = 0;
    bool failed_before_ = false;
    Instant::duration pause_{0};
};

}  // namespace gw::gateway
