// Any text as the value of the fields that are read for what they mean: dates, authorities, ranges,
// entity tags. What is read is within its bounds and says the same when it is written again.
#include "base/ensure.hpp"
#include "http/authority.hpp"
#include "http/date.hpp"
#include "http/validators.hpp"

namespace gw::http {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'795'437'000)};

void as_date(std::string_view text) {
    const auto time = parse_date(text, kNow);
    if (time && time->time_since_epoch() >= std::chrono::seconds(0)) {
        DateText writer;
        const auto again = parse_date(writer.at(*time), kNow);
        ensure(again && *again == *time, "a date that is another one when written");
    }
}

void as_authority(std::string_view text) {
    const auto authority = parse_authority(text);
    if (authority) {
        ensure(!authority->host.empty() && authority->host.size() <= kHostMax, "a host in bounds");
        ensure(text.starts_with(authority->host), "a host that does not stand there");
        ensure(same_authority(*authority, *authority, 80), "an authority that is not itself");
    }
}

void as_range(std::string_view text, std::uint64_t size) {
    if (const auto range = single_range(text, size)) {
        ensure(range->size > 0 && range->from < size && range->size <= size - range->from,
               "a range outside of its body");
    }
}

}  // namespace
}  // namespace gw::http

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    gw::http::as_date(text);
    gw::http::as_authority(text);
    for (const std::uint64_t body : {0UL, 1UL, 1'000UL, ~0UL}) {
        gw::http::as_range(text, body);
    }
    const std::string_view first = text.substr(0, size / 2);
    const std::string_view second = text.substr(size / 2);
    gw::ensure(gw::http::weakly_equal(first, second) == gw::http::weakly_equal(second, first),
               "a comparison with two results");
    return 0;
}
