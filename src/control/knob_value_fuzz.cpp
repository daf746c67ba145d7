// A knob's value is whatever somebody has written under its key.
#include <cstdint>
#include <string_view>

#include "base/ensure.hpp"
#include "control/knob_value.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const std::string_view name : {"limit:general", "breaker:venue-service", "log-level"}) {
        const auto found = control::read_knob(name, text);
        if (found) {
            const auto again = control::read_knob(name, control::write_knob(*found));
            ensure(again.has_value() && again->setting == found->setting,
                   "what was read can be written and read again");
        }
    }
    return 0;
}
