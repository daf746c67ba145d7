// The authority of a request: who is asked, as Host or an absolute target names it (RFC 9110, 7.2;
// RFC 3986, 3.2). Stricter than the grammar, since it ends up in routing, logs and other people's
// headers: letters, digits,
// '-', '.', '_', '~', or an IPv6 address in brackets, and a port of 1 to 65535.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::http {

struct Authority {
    std::string_view host;   // with the brackets of an IPv6 address
    std::uint16_t port = 0;  // 0: none given
};

// RFC 1035, 2.3.4.
inline constexpr std::size_t kHostMax = 255;

std::optional<Authority> parse_authority(std::string_view text);

// The same host in any case and the same port, where a port that is not given is the scheme's.
bool same_authority(const Authority& a, const Authority& b, std::uint16_t default_port);

}  // namespace gw::http
