#include "http/validators.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "http/cache_control.hpp"
#include "http/date.hpp"

namespace gw::http {
namespace {

std::string_view opaque(std::string_view tag) {
    return tag.starts_with("W/") ? tag.substr(2) : tag;
}

// Entity tags hold no quotes, but may hold commas.
bool names_tag(std::string_view list, std::string_view etag) {
    while (true) {
        list = trim_ows(list);
        if (list.starts_with(',')) {
            list.remove_prefix(1);
            continue;
        }
        const std::size_t begin = list.starts_with("W/") ? 2 : 0;
        if (list.size() <= begin || list[begin] != '"') {
            // Not as the grammar has it: up to the next comma.
            const std::string_view one = trim_ows(list.substr(0, list.find(',')));
            if (!one.empty() && one == etag) {
                return true;
            }
            const std::size_t comma = list.find(',');
            if (comma == std::string_view::npos) {
                return false;
            }
            list.remove_prefix(comma);
            continue;
        }
        const std::size_t end = list.find('"', begin + 1);
        if (end == std::string_view::npos) {
            return false;
        }
        if (weakly_equal(list.substr(0, end + 1), etag)) {
            return true;
        }
        list.remove_prefix(end + 1);
    }
}

}  // namespace

bool weakly_equal(std::string_view a, std::string_view b) {
    return opaque(a) == opaque(b);
}

bool not_modified(const Headers& request, const Validators& kept, WallTime now) {
    bool asked_by_tag = false;
    for (const Field& field : request) {
        if (field.known == Known::if_none_match) {
            asked_by_tag = true;
            if (trim_ows(field.value) == "*" ||
                (!kept.etag.empty() && names_tag(field.value, kept.etag))) {
                return true;
            }
        }
    }
    if (asked_by_tag) {
        return false;
    }
    const Field* const since = request.find(Known::if_modified_since);
    if (since == nullptr) {
        return false;
    }
    const auto asked = parse_date(since->value, now);
    const auto changed =
        parse_date(kept.last_modified.empty() ? kept.date : kept.last_modified, now);
    return asked && changed && *changed <= *asked;
}

bool is_condition(const Field& field) {
    return field.known == Known::if_none_match || field.known == Known::if_modified_since;
}

std::optional<ByteRange> single_range(std::string_view value, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    if (!starts_with_ignore_case(value, kUnit)) {
        return std::nullopt;
    }
    const std::string_view range = trim_ows(value.substr(kUnit.size()));
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view after = range.substr(dash + 1);
    const auto first = parse_decimal(range.substr(0, dash));
    const auto last = parse_decimal(after);
    if (dash == 0) {
        const std::uint64_t tail = last ? std::min(*last, size) : 0;
        return tail > 0 ? std::optional(ByteRange{size - tail, tail}) : std::nullopt;
    }
    if (!first || *first >= size || (!last && !after.empty()) || (last && *last < *first)) {
        return std::nullopt;
    }
    return ByteRange{*first, (last ? std::min(*last, size - 1) : size - 1) - *first + 1};
}

bool is_for_the_origin(const Headers& request) {
    return request.has_any(Known::if_match, Known::if_unmodified_since, Known::if_range);
}

}  // namespace gw::http
