#include "config/span_text.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace gw::config {
namespace {

// The largest first, so that the first that divides a length is how it is written.
constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits{
    {{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
constexpr std::int64_t kSecondsMax = 10LL * 365 * 86'400;

}  // namespace

std::expected<SpanText, Flaw> SpanText::parse(std::string_view text) {
    std::int64_t number = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    std::int64_t unit = stop == end ? 1 : 0;
    for (const auto& [letter, seconds] : kUnits) {
        if (stop + 1 == end && *stop == letter) {
            unit = seconds;
        }
    }
    if (error != std::errc{} || number <= 0 || unit == 0 || number > kSecondsMax / unit) {
        return std::unexpected(
            Flaw{"is " + quote(text), "write a time such as 900, 15m or 1h, ten years at most"});
    }
    return SpanText{std::chrono::seconds(number * unit)};
}

std::string SpanText::to_string() const {
    for (const auto& [letter, seconds] : kUnits) {
        if (value.count() > 0 && value.count() % seconds == 0) {
            return std::to_string(value.count() / seconds) + letter;
        }
    }
    return "";
}

}  // namespace gw::config
