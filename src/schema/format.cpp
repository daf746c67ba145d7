#include "schema/format.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ip_address.hpp"
#include "base/text.hpp"
#include "schema/decimal.hpp"

namespace gw::schema {
namespace {

constexpr std::array<std::pair<std::string_view, Format>, 16> kFormats{{
    {"uuid", Format::uuid},
    {"date-time", Format::date_time},
    {"date", Format::date},
    {"time", Format::time},
    {"email", Format::email},
    {"hostname", Format::hostname},
    {"uri", Format::uri},
    {"uri-reference", Format::uri_reference},
    {"ipv4", Format::ipv4},
    {"ipv6", Format::ipv6},
    {"int32", Format::int32},
    {"int64", Format::int64},
    // OpenAPI's, of which every value of the type is one.
    {"float", Format::none},
    {"double", Format::none},
    {"password", Format::none},
    {"binary", Format::none},
}};

bool is_letter(char c) {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

// 8-4-4-4-12 (RFC 9562, 4).
bool is_uuid(std::string_view text) {
    if (text.size() != 36) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : hex_value(text[i]) < 0) {
            return false;
        }
    }
    return true;
}

// Two digits; -1 if they are none.
int two(std::string_view text, std::size_t at) {
    return at + 2 <= text.size() && is_digit(text[at]) && is_digit(text[at + 1])
               ? (text[at] - '0') * 10 + (text[at + 1] - '0')
               : -1;
}

// RFC 3339, 5.6: full-date.
bool is_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || two(text, 0) < 0 ||
        two(text, 2) < 0) {
        return false;
    }
    const int year = two(text, 0) * 100 + two(text, 2);
    const int month = two(text, 5);
    const int day = two(text, 8);
    constexpr std::array kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

// RFC 3339, 5.6: full-time. A 60th second only where UTC's day ends.
bool is_time(std::string_view text) {
    if (text.size() < 9 || text[2] != ':' || text[5] != ':') {
        return false;
    }
    const int hour = two(text, 0);
    const int minute = two(text, 3);
    const int second = two(text, 6);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return false;
    }
    text.remove_prefix(8);
    if (text.front() == '.') {
        const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
        if (end == 1) {
            return false;
        }
        text.remove_prefix(end);
    }
    int offset = 0;
    if (text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':') {
        const int hours = two(text, 1);
        const int minutes = two(text, 4);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
            return false;
        }
        offset = (text[0] == '+' ? 1 : -1) * (hours * 60 + minutes);
    } else if (text != "Z" && text != "z") {
        return false;
    }
    constexpr int kDay = 24 * 60;
    return second < 60 || ((hour * 60 + minute - offset) % kDay + kDay) % kDay == kDay - 1;
}

bool is_date_time(std::string_view text) {
    return text.size() > 11 && (text[10] == 'T' || text[10] == 't') &&
           is_date(text.substr(0, 10)) && is_time(text.substr(11));
}

// RFC 1123, 2.1.
bool is_hostname(std::string_view text) {
    if (text.empty() || text.size() > 253) {
        return false;
    }
    while (true) {
        const std::string_view label = text.substr(0, text.find('.'));
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
            !std::ranges::all_of(label,
                                 [](char c) { return is_letter(c) || is_digit(c) || c == '-'; })) {
            return false;
        }
        if (label.size() == text.size()) {
            return true;
        }
        text.remove_prefix(label.size() + 1);
    }
}

bool is_ipv4(std::string_view text) {
    const auto address = IpAddress::parse(text);
    return address && text.find(':') == std::string_view::npos;
}

bool is_ipv6(std::string_view text) {
    return text.find(':') != std::string_view::npos && text.find('%') == std::string_view::npos &&
           IpAddress::parse(text).has_value();
}

// RFC 5321, 4.1.2, in ASCII.
bool is_email(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at == std::string_view::npos || at == 0 || at > 64) {
        return false;
    }
    const std::string_view local = text.substr(0, at);
    const std::string_view domain = text.substr(at + 1);
    if (local.size() >= 2 && local.front() == '"' && local.back() == '"') {
        for (std::size_t i = 1; i + 1 < local.size(); ++i) {
            if (local[i] == '\\') {
                if (++i + 1 == local.size()) {
                    return false;
                }
            } else if (local[i] == '"' || local[i] < ' ' || local[i] == 0x7F) {
                return false;
            }
        }
    } else if (local.front() == '.' || local.back() == '.' || local.contains("..") ||
               !std::ranges::all_of(local, [](char c) {
                   return is_token_char(c) || c == '.' || c == '/' || c == '=' || c == '?' ||
                          c == '{' || c == '}';
               })) {
        return false;
    }
    if (domain.starts_with('[') && domain.ends_with(']')) {
        std::string_view inner = domain.substr(1, domain.size() - 2);
        if (starts_with_ignore_case(inner, "IPv6:")) {
            return is_ipv6(inner.substr(5));
        }
        return is_ipv4(inner);
    }
    return is_hostname(domain);
}

// Only these, and escapes (RFC 3986, 2).
bool has_only(std::string_view text, std::string_view also) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) {
                return false;
            }
            i += 2;
        } else if (!is_unreserved(text[i]) && also.find(text[i]) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

constexpr std::string_view kSub = "!$&'()*+,;=";
constexpr std::string_view kPath = "!$&'()*+,;=:@/";
constexpr std::string_view kQuery = "!$&'()*+,;=:@/?";

bool is_authority(std::string_view text) {
    if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
        if (!has_only(text.substr(0, at), "!$&'()*+,;=:")) {
            return false;
        }
        text.remove_prefix(at + 1);
    }
    std::string_view port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) {
            return false;
        }
        port = text.substr(end + 1);
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        if (!has_only(text.substr(0, colon), kSub)) {
            return false;
        }
        port = text.substr(colon);
    }
    return port.empty() || (port.front() == ':' && std::ranges::all_of(port.substr(1), is_digit));
}

// RFC 3986, 3 and 4.1.
bool is_uri_reference(std::string_view text, bool with_scheme) {
    if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
        if (!has_only(text.substr(hash + 1), kQuery)) {
            return false;
        }
        text = text.substr(0, hash);
    }
    if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
        if (!has_only(text.substr(mark + 1), kQuery)) {
            return false;
        }
        text = text.substr(0, mark);
    }
    const std::size_t colon = text.find(':');
    if (colon < text.find('/')) {
        const std::string_view scheme = text.substr(0, colon);
        if (scheme.empty() || !is_letter(scheme.front()) ||
            !std::ranges::all_of(scheme, [](char c) {
                return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
            })) {
            return false;
        }
        text.remove_prefix(colon + 1);
    } else if (with_scheme) {
        return false;
    }
    if (text.starts_with("//")) {
        text.remove_prefix(2);
        const std::size_t end = std::min(text.find('/'), text.size());
        if (!is_authority(text.substr(0, end))) {
            return false;
        }
        text.remove_prefix(end);
    }
    return has_only(text, kPath);
}

}  // namespace

std::optional<Format> format_of(std::string_view name) {
    const auto* const found =
        std::ranges::find(kFormats, name, &std::pair<std::string_view, Format>::first);
    return found != kFormats.end() ? std::optional(found->second) : std::nullopt;
}

bool fits(Format format, const Value& value) {
    if (format == Format::int32 || format == Format::int64) {
        return !value.is(Kind::number) ||
               Decimal(value.text).fits_int(format == Format::int32 ? 32 : 64);
    }
    if (!value.is(Kind::string)) {
        return true;
    }
    switch (format) {
        case Format::uuid:
            return is_uuid(value.text);
        case Format::date_time:
            return is_date_time(value.text);
        case Format::date:
            return is_date(value.text);
        case Format::time:
            return is_time(value.text);
        case Format::email:
            return is_email(value.text);
        case Format::hostname:
            return is_hostname(value.text);
        case Format::uri:
            return is_uri_reference(value.text, true);
        case Format::uri_reference:
            return is_uri_reference(value.text, false);
        case Format::ipv4:
            return is_ipv4(value.text);
        case Format::ipv6:
            return is_ipv6(value.text);
        default:
            return true;
    }
}

}  // namespace gw::schema
