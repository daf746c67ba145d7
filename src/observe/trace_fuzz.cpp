// Any text: a traceparent is written as it was read, but for versions and flags that we do not
// know.
#include <cstdint>
#include <string>

#include "base/ensure.hpp"
#include "observe/trace.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto trace = gw::observe::parse_traceparent(text)) {
        std::string out(gw::observe::kTraceparentSize, ' ');
        gw::observe::write_traceparent(*trace, out.data());
        gw::ensure(out.substr(2, 51) == text.substr(2, 51), "the ids are the same");
        const auto again = gw::observe::parse_traceparent(out);
        gw::ensure(again && again->sampled == trace->sampled, "it is read again as itself");
    }
    return 0;
}
