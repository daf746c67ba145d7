#include "http/cache_control.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace gw::http {
namespace {

using Seconds = CacheControl::Seconds;

Seconds delta_seconds(std::string_view text) {
    if (text.empty() || !std::ranges::all_of(text, is_digit)) {
        return Seconds{0};
    }
    const auto number = parse_decimal(text);
    const auto most = static_cast<std::uint64_t>(kDeltaSecondsMax.count());
    return Seconds{static_cast<std::int64_t>(std::min(number.value_or(most), most))};
}

struct Directive {
    std::string_view name;
    std::string_view value;
    bool has_value = false;
};

// The end of a quoted string that begins at `from`, behind its last quote.
std::size_t end_of_quoted(std::string_view text, std::size_t from) {
    std::size_t at = from + 1;
    while (at < text.size() && text[at] != '"') {
        at += text[at] == '\\' ? 2 : 1;
    }
    return std::min(at + 1, text.size());
}

// Takes the next member off the front of the list; commas in quotes do not end it.
std::string_view take_member(std::string_view& list) {
    std::size_t at = 0;
    while (at < list.size() && list[at] != ',') {
        at = list[at] == '"' ? end_of_quoted(list, at) : at + 1;
    }
    const std::string_view member = trim_ows(list.substr(0, at));
    list.remove_prefix(std::min(at + 1, list.size()));
    return member;
}

Directive directive_of(std::string_view member) {
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos) {
        return {.name = member, .value = {}};
    }
    std::string_view value = member.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
    }
    return {.name = member.substr(0, equals), .value = value, .has_value = true};
}

using Flag = std::pair<std::string_view, bool CacheControl::*>;
constexpr std::array kFlags{
    Flag{"no-store", &CacheControl::no_store},
    Flag{"no-cache", &CacheControl::no_cache},
    Flag{"private", &CacheControl::for_one},
    Flag{"public", &CacheControl::for_all},
    Flag{"must-revalidate", &CacheControl::must_revalidate},
    Flag{"proxy-revalidate", &CacheControl::proxy_revalidate},
    Flag{"must-understand", &CacheControl::must_understand},
    Flag{"only-if-cached", &CacheControl::only_if_cached},
};
using Time = std::pair<std::string_view, std::optional<Seconds> CacheControl::*>;
constexpr std::array kTimes{
    Time{"max-age", &CacheControl::max_age},
    Time{"s-maxage", &CacheControl::s_maxage},
    Time{"min-fresh", &CacheControl::min_fresh},
    Time{"max-stale", &CacheControl::max_stale},
    Time{"stale-while-revalidate", &CacheControl::stale_while_revalidate},
    Time{"stale-if-error", &CacheControl::stale_if_error},
};

void take(const Directive& directive, CacheControl& out) {
    for (const auto& [name, flag] : kFlags) {
        if (equal_ignore_case(directive.name, name)) {
            out.*flag = true;
            return;
        }
    }
    for (const auto& [name, time] : kTimes) {
        if (!equal_ignore_case(directive.name, name)) {
            continue;
        }
        if (!directive.has_value && time == &CacheControl::max_stale) {
            out.max_stale_any = true;
        } else if (!(out.*time)) {
            out.*time = delta_seconds(directive.value);
        }
        return;
    }
}

CacheControl of_fields(const Headers& headers) {
    CacheControl out;
    if (!headers.has(Known::cache_control)) {
        return out;
    }
    for (const Field& field : headers) {
        if (field.known == Known::cache_control) {
            parse_cache_control(field.value, out);
        }
    }
    return out;
}

struct Surrogate {
    bool no_store = false;
    std::optional<Seconds> max_age;
};

// `max-age=60+30;name`: the part behind the plus is for how long it may be given stale, which
// stale-while-revalidate says with more care.
void take_surrogate(std::string_view member, Surrogate& for_all, Surrogate& for_us) {
    const std::size_t semicolon = std::min(member.find(';'), member.size());
    const std::string_view target = trim_ows(member.substr(std::min(semicolon + 1, member.size())));
    if (!target.empty() && target != kSurrogateName) {
        return;
    }
    const Directive directive = directive_of(trim_ows(member.substr(0, semicolon)));
    Surrogate& out = target.empty() ? for_all : for_us;
    if (equal_ignore_case(directive.name, "no-store")) {
        out.no_store = true;
    } else if (equal_ignore_case(directive.name, "max-age") && !out.max_age) {
        out.max_age = delta_seconds(directive.value.substr(0, directive.value.find('+')));
    }
}

void add_surrogate(const Headers& headers, CacheControl& out) {
    Surrogate for_all;
    Surrogate for_us;
    for (const Field& field : headers) {
        if (field.known == Known::other && equal_ignore_case(field.name, "surrogate-control")) {
            std::string_view list = field.value;
            while (!list.empty()) {
                take_surrogate(take_member(list), for_all, for_us);
            }
        }
    }
    const bool named = for_us.no_store || for_us.max_age;
    const Surrogate& said = named ? for_us : for_all;
    if (named && !for_us.no_store) {
        out.no_store = false;
        out.no_cache = false;
    }
    out.no_store = out.no_store || said.no_store;
    out.must_understand = out.must_understand && !said.no_store;
    out.surrogate_max_age = said.max_age;
}

}  // namespace

void parse_cache_control(std::string_view value, CacheControl& out) {
    out.present = true;
    while (!value.empty()) {
        take(directive_of(take_member(value)), out);
    }
}

CacheControl cache_control_of_answer(const Headers& headers) {
    CacheControl out = of_fields(headers);
    add_surrogate(headers, out);
    return out;
}

CacheControl cache_control_of_request(const Headers& headers) {
    CacheControl out = of_fields(headers);
    if (!out.present) {
        const Field* const pragma = headers.find(Known::pragma);
        out.no_cache = pragma != nullptr && list_contains(pragma->value, "no-cache");
    }
    return out;
}

const Field* find_field(const Headers& headers, std::string_view name) {
    const Field* const found = std::ranges::find_if(
        headers, [&](const Field& field) { return equal_ignore_case(field.name, name); });
    return found == headers.end() ? nullptr : found;
}

}  // namespace gw::http
