// How the lines of an HTTP/1.1 head are cut (RFC 9112, 2 to 5): shared by heads and by trailers, so
// that both are read by the same rules. Pure; what it returns are views into the bytes given.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/text.hpp"
#include "http/h1_parser.hpp"

namespace gw::http {

// Bytes that are still to be read. end may lie before the end of what has arrived, where a limit
// says so.
struct Cursor {
    const char* at = nullptr;
    const char* end = nullptr;

    [[nodiscard]] bool empty() const { return at == end; }
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end - at); }
};

inline Cursor cursor_over(std::string_view bytes) {
    return {bytes.begin(), bytes.end()};
}

// ok: taken, the cursor stands behind it. more: nothing wrong so far. refused: says why in
// `refusal`.
enum class Progress : std::uint8_t { ok, more, refused };

// The first byte that a field value or a reason phrase may not contain: a control other than tab.
inline const char* skip_text(const char* at, const char* end) {
#ifdef __SSE2__
    // Long values (tokens, cookies) are visible ASCII as a rule: four blocks with one test. Signed:
    // bytes of 0x80 and more count as less than a space, and adding one makes DEL one of them.
    while (end - at >= 64) {
        const auto* const block = reinterpret_cast<const __m128i*>(at);
        const __m128i one = _mm_set1_epi8(1);
        const __m128i a = _mm_add_epi8(_mm_loadu_si128(block), one);
        const __m128i b = _mm_add_epi8(_mm_loadu_si128(block + 1), one);
        const __m128i c = _mm_add_epi8(_mm_loadu_si128(block + 2), one);
        const __m128i d = _mm_add_epi8(_mm_loadu_si128(block + 3), one);
        const __m128i least = _mm_set1_epi8(0x21);
        const __m128i others =
            _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(a, least), _mm_cmplt_epi8(b, least)),
                         _mm_or_si128(_mm_cmplt_epi8(c, least), _mm_cmplt_epi8(d, least)));
        if (_mm_movemask_epi8(others) != 0) {
            break;
        }
        at += 64;
    }
    const __m128i highest_control = _mm_set1_epi8(0x1F);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7F);
    while (end - at >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest_control), bytes);
        const __m128i stop = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                          _mm_cmpeq_epi8(bytes, del));
        const auto found = static_cast<unsigned>(_mm_movemask_epi8(stop));
        if (found != 0) {
            return at + std::countr_zero(found);
        }
        at += 16;
    }
#endif
    while (at != end && is_text_char(*at)) {
        ++at;
    }
    return at;
}

// The first byte that a request target may not contain: space, control, '#', or not ASCII (RFC
// 9112, 3.2).
inline const char* skip_target(const char* at, const char* end) {
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(' ');
    const __m128i hash = _mm_set1_epi8('#');
    const __m128i del = _mm_set1_epi8(0x7F);
    while (end - at >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        // Signed: bytes of 0x80 and more count as less than a space.
        const __m128i visible = _mm_cmpgt_epi8(bytes, space);
        const __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(bytes, hash), _mm_cmpeq_epi8(bytes, del));
        const auto good = static_cast<unsigned>(_mm_movemask_epi8(_mm_andnot_si128(stop, visible)));
        if (good != 0xFFFF) {
            return at + std::countr_one(good);
        }
        at += 16;
    }
#endif
    while (at != end && *at > ' ' && *at != 0x7F && *at != '#') {
        ++at;
    }
    return at;
}

// Some or all of the letters, digits and hyphens that stand at `at`: what nearly all names are made
// of, and where they end without a branch for each character. Never goes past anything else.
inline const char* skip_usual_name(const char* at, const char* end) {
#ifdef __SSE2__
    while (end - at >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        // Signed: bytes of 0x80 and more are below all of these ranges.
        const auto within = [](__m128i values, char low, char high) {
            return _mm_and_si128(
                _mm_cmpgt_epi8(values, _mm_set1_epi8(static_cast<char>(low - 1))),
                _mm_cmplt_epi8(values, _mm_set1_epi8(static_cast<char>(high + 1))));
        };
        const __m128i letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
        const __m128i others =
            _mm_or_si128(within(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
        const auto usual = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letters, others)));
        if (usual != 0xFFFF) {
            return at + std::countr_one(usual);
        }
        at += 16;
    }
#else
    static_cast<void>(end);
#endif
    return at;
}

// Takes CRLF. A CR or LF that stands alone is refused: readers disagree about whether it ends a
// line (RFC 9112, 2.2).
inline Progress take_line_end(Cursor& in, H1Refusal& refusal) {
    if (in.empty()) {
        return Progress::more;
    }
    if (*in.at != '\r') {
        refusal.detail = *in.at == '\n'         ? "a bare LF"
                         : is_text_char(*in.at) ? "unexpected text at the end of a line"
                                                : "a control character";
        return Progress::refused;
    }
    if (in.size() == 1) {
        return Progress::more;
    }
    if (in.at[1] != '\n') {
        refusal.detail = "a bare CR";
        return Progress::refused;
    }
    in.at += 2;
    return Progress::ok;
}

struct FieldLine {
    std::string_view name;  // empty: this was the empty line that ends the section
    std::string_view value;
    bool underscore = false;  // in the name
    bool usual = false;       // written as `name ": " value CRLF`
};

#ifdef __SSE2__
// What stands in 16 bytes: bit i for byte i.
struct NameBlock {
    unsigned usual = 0;  // letters, digits and hyphens
    unsigned colons = 0;

    static NameBlock at(const char* from) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        const auto within = [](__m128i values, char low, char count) {
            const __m128i offset = _mm_sub_epi8(values, _mm_set1_epi8(low));
            return _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(count)), offset);
        };
        const __m128i letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 25);
        const __m128i others =
            _mm_or_si128(within(bytes, '0', 9), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
        return {
            static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letters, others))),
            static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':'))))};
    }
};

// The first byte that is no visible ASCII and no space; `end` if there is none. At least 16 bytes
// that may be read stand before `end`.
inline const char* skip_visible(const char* at, const char* end) {
    constexpr std::ptrdiff_t kBlock = 16;
    // How far above the space, as an unsigned number: of what is looked for, more than 0x5E.
    const auto above = [](const char* from) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        return _mm_sub_epi8(bytes, _mm_set1_epi8(0x20));
    };
    const auto good = [](__m128i values) {
        return static_cast<unsigned>(
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(0x5E)), values)));
    };
    for (; end - at >= 4 * kBlock; at += 4 * kBlock) {
        const __m128i a = _mm_max_epu8(above(at), above(at + kBlock));
        const __m128i b = _mm_max_epu8(above(at + 2 * kBlock), above(at + 3 * kBlock));
        if (good(_mm_max_epu8(a, b)) != 0xFFFF) {
            break;
        }
    }
    for (; end - at >= kBlock; at += kBlock) {
        if (const unsigned found = good(above(at)); found != 0xFFFF) {
            return at + std::countr_one(found);
        }
    }
    // The last block again, without what was looked at.
    const char* const last = end - kBlock;
    const unsigned others = (good(above(last)) ^ 0xFFFF) >> (at - last);
    return others != 0 ? at + std::countr_zero(others) : end;
}

// Takes a line of the form that nearly all have, `name ": " value CRLF` with a name of at most 31
// letters, digits and hyphens and a value of visible ASCII and inner spaces, if all of it is here.
// False: it is another one, and nothing was taken; take_field_line() knows all forms.
inline bool take_usual_line(Cursor& in, FieldLine& line) {
    if (in.size() < 16) {
        return false;
    }
    NameBlock name = NameBlock::at(in.at);
    if (name.colons == 0 && in.size() >= 32) {
        const NameBlock more = NameBlock::at(in.at + 16);
        name = {name.usual | more.usual << 16, more.colons << 16};
    }
    // The first colon ends the name, and the name begins with something.
    const auto size = static_cast<unsigned>(std::countr_one(name.usual));
    if (size == 0 || size >= 32 || (name.colons >> size & 1) == 0 || in.size() < size + 5) {
        return false;
    }
    const char* const begin = in.at + size + 2;
    const char* const end = skip_visible(begin, in.end);
    if (begin[-1] != ' ' || *begin <= ' ' || in.end - end < 2 || end[0] != '\r' || end[1] != '\n' ||
        end[-1] == ' ') {
        return false;
    }
    line = {.name = {in.at, size},
            .value = {begin, static_cast<std::size_t>(end - begin)},
            .underscore = false,
            .usual = true};
    in.at = end + 2;
    return true;
}
#else
inline bool take_usual_line(Cursor&, FieldLine&) {
    return false;
}
#endif

// Takes one field line, or the empty line (RFC 9112, 5). first: no field line came before it.
inline Progress take_field_line(Cursor& in, bool first, FieldLine& line, H1Refusal& refusal) {
    const char* at = skip_usual_name(in.at, in.end);
    bool underscore = false;
    while (at != in.end && is_token_char(*at)) {
        underscore |= *at == '_';
        ++at;
    }
    if (at == in.end) {
        return Progress::more;
    }
    line.name = {in.at, static_cast<std::size_t>(at - in.at)};
    line.underscore = underscore;
    if (*at != ':' || line.name.empty()) [[unlikely]] {
        if (line.name.empty() && (*at == '\r' || *at == '\n')) {
            return take_line_end(in, refusal);
        }
        refusal.detail =
            line.name.empty() && is_ows(*at)
                ? (first ? "white space before the first header field" : "a folded header line")
            : line.name.empty() && *at == ':' ? "a header field without a name"
            : is_ows(*at)                     ? "white space before a colon"
            : *at == '\r' || *at == '\n'      ? "a header line without a colon"
                                              : "an illegal character in a header name";
        return Progress::refused;
    }
    ++at;
    while (at != in.end && is_ows(*at)) {
        ++at;
    }
    const char* const begin = at;
    const bool one_space = begin - (line.name.data() + line.name.size()) == 2 && begin[-1] == ' ';
    at = skip_text(at, in.end);
    Cursor rest{at, in.end};
    const Progress progress = take_line_end(rest, refusal);
    if (progress != Progress::ok) [[unlikely]] {
        return progress;
    }
    while (at != begin && is_ows(at[-1])) {
        --at;
    }
    line.value = {begin, static_cast<std::size_t>(at - begin)};
    line.usual = one_space && at + 2 == rest.at;
    in.at = rest.at;
    return Progress::ok;
}

}  // namespace gw::http
