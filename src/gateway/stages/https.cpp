// Sends plain HTTP to the same address over TLS, where that is configured (`tls.redirect_port`).
// 308 keeps the method and the body (RFC 9110, 15.4.9).
#include <charconv>

#include "gateway/arrival.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "http/authority.hpp"

namespace gw::gateway {
namespace {

// "name" of "name:port"; an address in brackets keeps them.
std::string_view host_of(std::string_view authority) {
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon = authority.rfind(':');
    return colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)
               ? authority
               : authority.substr(0, colon);
}

Verdict decide(Exchange& x) {
    const std::uint16_t port = x.generation.site->redirect_port;
    if (port == 0 || came_over_tls(x)) [[likely]] {
        return go_on();
    }
    const http::RequestHead& head = x.head();
    if (head.authority.empty()) {
        return refuse(Code::bad_request,
                      "the request names no host, and is not served without TLS");
    }
    Arena& arena = x.memory.arena;
    std::string_view to = arena.join("https://", host_of(head.authority));
    if (constexpr std::uint16_t kHttps = 443; port != kHttps) {
        char* const digits = arena.take(5);
        to = arena.join(to, ":",
                        std::string_view(digits, std::to_chars(digits, digits + 5, port).ptr));
    }
    // A place without a path is how "OPTIONS *" is asked of another (RFC 9112, 3.2.4).
    to = head.path == "*" ? to : arena.join(to, head.path);
    x.location = head.has_query ? arena.join(to, "?", head.query) : to;
    x.own.status = 308;
    return answer();
}

}  // namespace

namespace stages {
extern constinit const Stage https = stage<decide>("https");
}

}  // namespace gw::gateway
