// Refuses what was meant for another connection, so that the client opens one (RFC 9110, 15.5.20):
// a target of https that came in the clear, and a host for which we hold another certificate than
// the one that this connection began with. HTTP/2 clients share connections between hosts.
#include "gateway/arrival.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "http/authority.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    const http::RequestHead& head = x.head();
    // A balancer of connections that takes TLS off cannot say so.
    if (head.asks_https && !came_over_tls(x) && !x.stream.proxied()) {
        return refuse(Code::misdirected_request, "a target of https on a connection without TLS");
    }
    if (!x.stream.secure()) {
        return go_on();
    }
    const auto authority = http::parse_authority(head.authority);
    return authority && x.stream.belongs_elsewhere(authority->host)
               ? refuse(Code::misdirected_request,
                        "this connection was opened for hosts of another certificate")
               : go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage misdirected = stage<decide>("misdirected");
}

}  // namespace gw::gateway
