#include "observe/json_line.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace gw::observe {
namespace {

constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (unsigned c = 0x20; c < 0x7F; ++c) {
        plain[c] = c != '"' && c != '\\';
    }
    return plain;
}();

#ifdef __SSE2__
// Of 16 bytes those that may not stand in a JSON string as they are. Signed comparison: bytes from
// 0x80 on are below the space too, and DEL, by adding one.
__m128i not_plain(__m128i bytes) {
    const __m128i others =
        _mm_cmplt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x21));
    return _mm_or_si128(others, _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                             _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
}
#endif

// How many bytes at the start of `text` may stand in a JSON string as they are: printable ASCII but
// '"' and '\'.
std::size_t plain_prefix(std::string_view text) {
    std::size_t at = 0;
#ifdef __SSE2__
    const auto special = [&](std::size_t from) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
        return static_cast<unsigned>(_mm_movemask_epi8(not_plain(bytes)));
    };
    for (; at + 16 <= text.size(); at += 16) {
        if (const unsigned mask = special(at); mask != 0) {
            return at + static_cast<std::size_t>(std::countr_zero(mask));
        }
    }
    if (at != 0 && at != text.size()) {
        // The rest together with bytes that are known to be plain.
        const std::size_t last = text.size() - 16;
        const unsigned mask = special(last);
        return mask != 0 ? last + static_cast<std::size_t>(std::countr_zero(mask)) : text.size();
    }
#endif
    for (; at < text.size(); ++at) {
        if (!kPlain[static_cast<unsigned char>(text[at])]) {
            break;
        }
    }
    return at;
}

// Length of the UTF-8 sequence at the start of `text` (RFC 3629, 4), or 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0xC2   ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    const unsigned char second = byte(1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second >= 0xA0;
    const bool beyond = first == 0xF4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

void append_code(std::string& out, unsigned code) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += "\\u";
    for (const unsigned shift : {12U, 8U, 4U, 0U}) {
        out += kDigits[(code >> shift) & 15];
    }
}

void append_control(std::string& out, unsigned char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            append_code(out, c);
    }
}

// What is valid in JSON but moves a terminal's cursor or ends a line for some readers: the C1
// controls and the separators of lines and paragraphs. 0: none of them begins here.
unsigned unwelcome(std::string_view sequence) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
    if (byte(0) == 0xC2 && byte(1) < 0xA0) {
        return byte(1);
    }
    const bool separator = byte(0) == 0xE2 && byte(1) == 0x80 && (byte(2) & 0xFE) == 0xA8;
    return separator ? 0x2000U | (byte(2) & 0x3FU) : 0;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    while (true) {
        const std::size_t plain = plain_prefix(text);
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) {
            return;
        }
        const auto c = static_cast<unsigned char>(text.front());
        if (c < 0x80) {
            append_control(out, c);
            text.remove_prefix(1);
        } else if (const std::size_t length = utf8_length(text); length > 0) {
            if (const unsigned code = unwelcome(text.substr(0, length)); code != 0) {
                append_code(out, code);
            } else {
                out += text.substr(0, length);
            }
            text.remove_prefix(length);
        } else {
            out += "\\ufffd";
            text.remove_prefix(1);
        }
    }
}

void JsonLine::add(std::string_view name, double number) {
    key(name);
    if (!std::isfinite(number)) {
        out_ += "null";
        return;
    }
    char digits[32];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void JsonLine::add(std::string_view name, std::chrono::steady_clock::duration time) {
    key(name);
    std::array<char, 24> digits;
    out_.append(digits.data(), write_millis(digits.data(), time));
}

bool copy_plain(char* to, std::string_view text) {
    const char* const from = text.data();
    const std::size_t size = text.size();
#ifdef __SSE2__
    if (size >= 16) {
        __m128i others = _mm_setzero_si128();
        const auto copy = [&](std::size_t at) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), bytes);
            others = _mm_or_si128(others, not_plain(bytes));
        };
        for (std::size_t at = 0; at + 16 < size; at += 16) {
            copy(at);
        }
        copy(size - 16);
        return _mm_movemask_epi8(others) == 0;
    }
    if (size >= 8) {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::memcpy(&first, from, 8);
        std::memcpy(&last, from + size - 8, 8);
        std::memcpy(to, &first, 8);
        std::memcpy(to + size - 8, &last, 8);
        const __m128i bytes =
            _mm_set_epi64x(static_cast<std::int64_t>(last), static_cast<std::int64_t>(first));
        return _mm_movemask_epi8(not_plain(bytes)) == 0;
    }
#endif
    bool plain = true;
    for (std::size_t i = 0; i < size; ++i) {
        to[i] = from[i];
        plain = plain && kPlain[static_cast<unsigned char>(from[i])];
    }
    return plain;
}

char* write_millis(char* out, std::chrono::steady_clock::duration time) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    const std::uint64_t whole = us > 0 ? static_cast<std::uint64_t>(us) : 0;
    out = std::to_chars(out, out + 20, whole / 1000).ptr;
    const auto fraction = static_cast<unsigned>(whole % 1000);
    *out++ = '.';
    *out++ = static_cast<char>('0' + fraction / 100);
    *out++ = static_cast<char>('0' + fraction / 10 % 10);
    *out++ = static_cast<char>('0' + fraction % 10);
    return out;
}

}  // namespace gw::observe
