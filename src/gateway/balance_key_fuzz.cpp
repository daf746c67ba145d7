#include "gateway/balance_key.hpp"

// A cookie's value lies in the field and holds no separator.
extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
    const std::string_view field(data, size);
    const std::string_view value = gw::gateway::cookie_value(field, "session");
    if (value.contains(';') || value.size() > field.size()) {
        __builtin_trap();
    }
    return 0;
}
