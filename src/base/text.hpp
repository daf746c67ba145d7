// Bytes of protocols as text: character classes, numbers and lists, without allocation and without
// locales. ASCII only: what is not ASCII is never folded. Pure functions; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace gw {

namespace text_detail {

enum CharClass : std::uint8_t {
    kToken = 1,  // RFC 9110, 5.6.2: tchar
    kText = 2,   // RFC 9110, 5.5: what a field value may contain, tab and obs-text included
    kHost = 4,   // what a registered name may contain here: letters, digits, '-', '.', '_', '~'
};

constexpr bool one_of(unsigned c, std::string_view set) {
    return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr std::array<std::uint8_t, 256> make_classes() {
    std::array<std::uint8_t, 256> classes{};
    for (unsigned c = 0; c < 256; ++c) {
        const bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        unsigned bits = 0;
        bits |= alphanumeric || one_of(c, "!#$%&'*+-.^_`|~") ? kToken : 0U;
        bits |= (c >= 0x20 && c != 0x7F) || c == '\t' ? kText : 0U;
        bits |= alphanumeric || one_of(c, "-._~") ? kHost : 0U;
        classes[c] = static_cast<std::uint8_t>(bits);
    }
    return classes;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

constexpr bool in_class(char c, CharClass which) {
    return (kClasses[static_cast<unsigned char>(c)] & which) != 0;
}

}  // namespace text_detail

constexpr bool is_token_char(char c) {
    return text_detail::in_class(c, text_detail::kToken);
}
constexpr bool is_text_char(char c) {
    return text_detail::in_class(c, text_detail::kText);
}
// The characters of a host name; they are also the unreserved ones of a URI (RFC 3986, 2.3).
constexpr bool is_unreserved(char c) {
    return text_detail::in_class(c, text_detail::kHost);
}
constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_ows(char c) {
    return c == ' ' || c == '\t';
}

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    const char folded = lower(c);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

constexpr bool equal_ignore_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

constexpr bool starts_with_ignore_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && equal_ignore_case(text.substr(0, prefix.size()), prefix);
}

// Without spaces and tabs at both ends.
constexpr std::string_view trim_ows(std::string_view text) {
    while (!text.empty() && is_ows(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_ows(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

// Where `wanted` stands first; text.size() if nowhere. For texts of a few words, in which a call of
// memchr costs more than the search.
inline std::size_t find_byte(std::string_view text, char wanted) {
    std::size_t at = 0;
#ifdef __SSE2__
    for (; at + 16 <= text.size(); at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
        const auto found =
            static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted))));
        if (found != 0) {
            return at + static_cast<std::size_t>(std::countr_zero(found));
        }
    }
#endif
    while (at < text.size() && text[at] != wanted) {
        ++at;
    }
    return at;
}

// RFC 9110, 5.6.2: at least one character, all of them tchar.
bool is_token(std::string_view text);

// A media type without parameters that says JSON: `application/json`, `text/json`, `…+json`.
bool is_json_type(std::string_view type);

// Digits only: no sign, no space, no base. Leading zeros are decimal zeros. Nothing if empty or
// beyond 64 bits.
std::optional<std::uint64_t> parse_decimal(std::string_view text);
// Hexadecimal digits only, in any case, without a prefix.
std::optional<std::uint64_t> parse_hex(std::string_view text);

// The elements of a comma-separated list (RFC 9110, 5.6.1), trimmed; empty elements are left out.
// It knows no quoted strings: for lists of tokens only.
class CommaList {
  public:
    explicit CommaList(std::string_view text) : rest_(text) {}

    // False at the end of the list.
    bool next(std::string_view& item);

  private:
    std::string_view rest_;
};

// Does the list name this token, in any case?
bool list_contains(std::string_view list, std::string_view token);

}  // namespace gw
