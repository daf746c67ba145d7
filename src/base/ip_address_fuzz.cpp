// Any text: an address is written in its one form and read again as itself; a block contains its
// base.
#include <cstdint>
#include <string_view>

#include "base/ensure.hpp"
#include "base/ip_address.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto address = gw::IpAddress::parse(text)) {
        const std::string canonical = address->to_string();
        gw::ensure(canonical.size() <= gw::IpAddress::kTextMax, "the text fits");
        gw::ensure(gw::IpAddress::parse(canonical) == address, "it is read again as itself");
    }
    if (const auto block = gw::Cidr::parse(text)) {
        gw::ensure(block->contains(block->base), "a block contains its base");
        const std::string canonical = block->base.to_string() + "/" + std::to_string(block->bits);
        const auto again = gw::Cidr::parse(canonical);
        gw::ensure(again && again->base == block->base && again->bits == block->bits,
                   "it is read again as itself");
    }
    return 0;
}
