// Any bytes: looking for attacks ends, and finds in a value what it finds in the value's copy.
#include <cstdint>
#include <string>

#include "base/ensure.hpp"
#include "security/injection.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto found = gw::security::find_injection(text);
    const std::string copy(text);
    gw::ensure(gw::security::find_injection(copy).has_value() == found.has_value(),
               "the same twice");
    return 0;
}
