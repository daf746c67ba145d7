#include "http/authority.hpp"

#include <algorithm>

#include "base/ip_address.hpp"
#include "base/text.hpp"

namespace gw::http {

namespace {

// The length of the host at the start of `text`; 0 if there is none.
std::size_t host_size(std::string_view text) {
    if (!text.starts_with('[')) {
        const auto* end = std::ranges::find_if_not(text, is_unreserved);
        return static_cast<std::size_t>(end - text.begin());
    }
    const std::size_t closing = text.find(']');
    if (closing == std::string_view::npos) {
        return 0;
    }
    const std::string_view address = text.substr(1, closing - 1);
    const bool colons = address.find(':') != std::string_view::npos;
    return colons && IpAddress::parse(address) ? closing + 1 : 0;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
    const std::size_t size = host_size(text);
    if (size == 0 || size > kHostMax) {
        return std::nullopt;
    }
    Authority authority{text.substr(0, size), 0};
    text.remove_prefix(size);
    if (text.empty()) {
        return authority;
    }
    if (text.front() != ':' || text.size() > 6) {
        return std::nullopt;
    }
    const std::optional<std::uint64_t> port = parse_decimal(text.substr(1));
    if (!port || *port == 0 || *port > 65535) {
        return std::nullopt;
    }
    authority.port = static_cast<std::uint16_t>(*port);
    return authority;
}

bool same_authority(const Authority& a, const Authority& b, std::uint16_t default_port) {
    const auto port = [default_port](const Authority& x) {
        return x.port != 0 ? x.port : default_port;
    };
    return equal_ignore_case(a.host, b.host) && port(a) == port(b);
}

}  // namespace gw::http
