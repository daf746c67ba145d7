// What a load balancer that passes connections on says of them before their first byte: the PROXY
// protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt). Strict: what has two readings is none.
// Pure.
//
//   1:  PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n
//   2:  \r\n\r\n\0\r\nQUIT\n | version, command | family, protocol | length | addresses | TLVs
#pragma once

#include <optional>
#include <string_view>

#include "net/stream.hpp"

namespace gw::net {

struct ProxyHeader {
    enum class State : std::uint8_t {
        incomplete,  // these bytes may yet become a header
        absent,      // they are something else
        broken,      // they are a header that is wrong
        complete,
    };
    State state = State::incomplete;
    std::size_t size = 0;           // when complete: the bytes that belong to it
    std::optional<Address> client;  // nobody: the connection is the balancer's own
    const char* detail = "";        // when broken: why
};

// The longest that is read: two dozen TLVs of usual size.
inline constexpr std::size_t kProxyHeaderMax = 4096;

// bytes: what has come so far, from the connection's first byte on.
ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace gw::net
