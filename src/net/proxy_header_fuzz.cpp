// Any bytes as the beginning of a connection: what is found does not depend on how much of what
// follows is there, and no beginning of a header is taken for something else.
#include <cstdint>

#include "base/ensure.hpp"
#include "net/proxy_header.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using State = gw::net::ProxyHeader::State;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const gw::net::ProxyHeader whole = gw::net::parse_proxy_header(bytes);
    if (whole.state != State::complete) {
        return 0;
    }
    gw::ensure(whole.size <= bytes.size() && whole.size <= gw::net::kProxyHeaderMax, "it is there");
    for (std::size_t cut = 0; cut < whole.size; ++cut) {
        gw::ensure(gw::net::parse_proxy_header(bytes.substr(0, cut)).state == State::incomplete,
                   "a part of a header is not yet one");
    }
    const gw::net::ProxyHeader alone = gw::net::parse_proxy_header(bytes.substr(0, whole.size));
    gw::ensure(
        alone.state == State::complete && alone.size == whole.size && alone.client == whole.client,
        "what follows it does not matter");
    return 0;
}
