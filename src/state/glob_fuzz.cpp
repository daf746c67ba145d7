// Any pattern against any text comes to an end within them; and an escaped text matches itself.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ensure.hpp"
#include "state/glob.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::size_t split = size == 0 ? 0 : static_cast<std::size_t>(data[0]) % (size + 1);
    const std::string_view pattern = bytes.substr(0, split);
    const std::string_view text = bytes.substr(split);
    const bool matches = gw::state::glob_matches(pattern, text);
    gw::ensure(!matches || gw::state::glob_matches("*" + std::string(pattern), text),
               "a star more takes nothing away");
    std::string escaped;
    for (const char c : text) {
        escaped += '\\';
        escaped += c;
    }
    gw::ensure(gw::state::glob_matches(escaped, text), "an escaped text matches itself");
    return 0;
}
