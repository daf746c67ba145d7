// Any bytes are lines of a log: they are read without a mistake of ours, and a report comes out.
#include <cstddef>
#include <cstdint>

#include "base/ensure.hpp"
#include "cli/evidence.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    gw::cli::Evidence evidence({.user = "u", .tenant = "t", .address = "203.0.113.7"}, "",
                               "2026-11-23T07:00:00.000Z", "2026-11-24T07:00:00.000Z");
    evidence.find_attempts(bytes);
    evidence.find_requests(bytes);
    evidence.find_records(bytes);
    gw::ensure(evidence.report().contains("accessed"), "there is always an answer");
    return 0;
}
