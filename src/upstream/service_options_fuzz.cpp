// What is a service's address reads the same again from its own text.
#include "base/ensure.hpp"
#include "upstream/service_options.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using gw::upstream::ServiceUrl;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto url = ServiceUrl::parse(text)) {
        const auto again = ServiceUrl::parse(url->to_string());
        gw::ensure(again.has_value() && *again == *url, "it reads the same again");
    }
    return 0;
}
