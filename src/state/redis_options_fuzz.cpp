// Any text as a URL: what is accepted names hosts, and no flaw shows what may be a password.
#include <cstdint>
#include <string_view>

#include "base/ensure.hpp"
#include "state/redis_options.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    gw::state::RedisOptions options;
    options.url = text;
    const auto place = gw::state::place_of(options);
    if (!text.empty() && place) {
        gw::ensure(!place->hosts.empty(), "a place has a host");
        for (const auto& host : place->hosts) {
            gw::ensure(!host.host.empty() && host.port != 0, "a host has a name and a port");
        }
    }
    (void)gw::state::check_sentinel(text);
    return 0;
}
