// What is a pattern is written as it was read, and reads the same again.
#include "base/ensure.hpp"
#include "gateway/path_pattern.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using gw::gateway::PathPattern;
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto pattern = PathPattern::parse(text)) {
        gw::ensure(pattern->to_string() == text, "it is written as it was read");
    }
    return 0;
}
