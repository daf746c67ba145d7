#include "base/text.hpp"

#include <algorithm>
#include <limits>

namespace gw {

namespace {

std::optional<std::uint64_t> parse_base(std::string_view text, std::uint64_t base) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (text.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        const int digit = hex_value(c);
        if (digit < 0 || static_cast<std::uint64_t>(digit) >= base) {
            return std::nullopt;
        }
        const auto added = static_cast<std::uint64_t>(digit);
        if (value > (kMax - added) / base) {
            return std::nullopt;
        }
        value = value * base + added;
    }
    return value;
}

}  // namespace

bool is_json_type(std::string_view type) {
    constexpr std::string_view kSuffix = "+json";
    return equal_ignore_case(type, "application/json") || equal_ignore_case(type, "text/json") ||
           (type.size() > kSuffix.size() &&
            equal_ignore_case(type.substr(type.size() - kSuffix.size()), kSuffix));
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_token_char);
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
    return parse_base(text, 10);
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
    return parse_base(text, 16);
}

bool CommaList::next(std::string_view& item) {
    while (!rest_.empty()) {
        const std::size_t comma = std::min(rest_.find(','), rest_.size());
        item = trim_ows(rest_.substr(0, comma));
        rest_.remove_prefix(std::min(comma + 1, rest_.size()));
        if (!item.empty()) {
            return true;
        }
    }
    return false;
}

bool list_contains(std::string_view list, std::string_view token) {
    CommaList items(list);
    std::string_view item;
    while (items.next(item)) {
        if (equal_ignore_case(item, token)) {
            return true;
        }
    }
    return false;
}

}  // namespace gw
