#include "security/injection.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "security/injection_rules.hpp"

namespace gw::security {
namespace {

enum Mark : std::uint8_t {
    kSpace = 1,
    kQuote = 2,
    kMarkup = 4,   // '<', '(', '{'
    kShell = 8,    // ';', '|', '&', '$', '`', line feed
    kSlash = 16,   // '/', '\', NUL
    kDot = 32,     // matters only where two stand together
    kEscape = 64,  // '%', and the first byte of full-width forms
};

constexpr std::array<std::uint8_t, 256> make_marks() {
    std::array<std::uint8_t, 256> marks{};
    const auto mark = [&](std::string_view characters, unsigned bits) {
        for (const char c : characters) {
            auto& m = marks[static_cast<unsigned char>(c)];
            m = static_cast<std::uint8_t>(m | bits);
        }
    };
    mark(" \t\r\n\v\f", kSpace);
    mark("'\"", kQuote);
    mark("<({", kMarkup);
    mark(";|&$`\n", kShell);
    mark(std::string_view("/\\\0", 3), kSlash);
    mark(".", kDot);
    mark("%\xEF", kEscape);
    return marks;
}

constexpr std::array<std::uint8_t, 256> kMarks = make_marks();

unsigned marks_of(std::string_view text) {
    unsigned marks = 0;
    for (const char c : text) {
        marks |= kMarks[static_cast<unsigned char>(c)];
    }
    return marks;
}

struct Byte {
    char value = 0;
    std::size_t size = 1;  // bytes read
};

// "&#x3c;" and "&#60;", which a browser reads as '<'.
std::optional<Byte> entity_at(std::string_view text) {
    if (!text.starts_with("&#")) {
        return std::nullopt;
    }
    const bool hex = text.size() > 2 && lower(text[2]) == 'x';
    std::size_t at = hex ? 3 : 2;
    const std::size_t began = at;
    unsigned value = 0;
    // Eight digits: leading zeros are a known disguise.
    for (; at < text.size() && at < began + 8; ++at) {
        const int digit = hex_value(text[at]);
        if (digit < 0 || (!hex && digit > 9)) {
            break;
        }
        value = value * (hex ? 16 : 10) + static_cast<unsigned>(digit);
    }
    if (at == began || value >= 0x80) {
        return std::nullopt;
    }
    at += at < text.size() && text[at] == ';' ? 1 : 0;
    return Byte{static_cast<char>(value), at};
}

std::optional<Byte> percent_at(std::string_view text) {
    const auto escape = [&](std::size_t at) {
        if (at + 2 >= text.size() || text[at] != '%') {
            return -1;
        }
        const int high = hex_value(text[at + 1]);
        const int low = hex_value(text[at + 2]);
        return high < 0 || low < 0 ? -1 : high * 16 + low;
    };
    if (text.size() >= 6 && lower(text[1]) == 'u' && text[2] == '0' && text[3] == '0') {
        const int high = hex_value(text[4]);
        const int low = hex_value(text[5]);
        if (high >= 0 && high < 8 && low >= 0) {
            return Byte{static_cast<char>(high * 16 + low), 6};
        }
    }
    const int first = escape(0);
    if (first < 0) {
        return std::nullopt;
    }
    if (first == 0xC0 || first == 0xC1) {  // an overlong form of an ASCII character
        if (const int second = escape(3); second >= 0x80 && second < 0xC0) {
            return Byte{static_cast<char>((first & 1) << 6 | (second & 0x3F)), 6};
        }
    }
    return Byte{static_cast<char>(first), 3};
}

// U+FF01 to U+FF5E, which some databases and frameworks fold to ASCII.
std::optional<Byte> full_width_at(std::string_view text) {
    if (text.size() < 3) {
        return std::nullopt;
    }
    const unsigned code = (static_cast<unsigned char>(text[1]) & 0x3FU) << 6 |
                          (static_cast<unsigned char>(text[2]) & 0x3FU);
    if (code < 0xF01 || code > 0xF5E) {
        return std::nullopt;
    }
    return Byte{static_cast<char>(code - 0xF01 + '!'), 3};
}

Byte folded_at(std::string_view text) {
    std::optional<Byte> found;
    if (text.front() == '%') {
        found = percent_at(text);
    } else if (text.front() == '&') {
        found = entity_at(text);
    } else if (text.front() == '\xEF') {
        found = full_width_at(text);
    }
    const Byte byte = found.value_or(Byte{text.front(), 1});
    return {lower(byte.value), byte.size};
}

std::optional<Injection> look(std::string_view folded) {
    const unsigned marks = marks_of(folded);
    if ((marks & (kSlash | kDot)) != 0) {
        if (const char* const rule = find_path(folded)) {
            return Injection{InjectionKind::path, rule};
        }
    }
    if ((marks & (kMarkup | kQuote | kShell | kSlash)) != 0) {
        if (const char* const rule = find_script(folded)) {
            return Injection{InjectionKind::script, rule};
        }
    }
    if ((marks & (kShell | kSlash)) != 0) {
        if (const char* const rule = find_command(folded)) {
            return Injection{InjectionKind::command, rule};
        }
    }
    if ((marks & (kSpace | kQuote | kMarkup | kShell | kSlash)) != 0) {
        if (const char* const rule = find_sql(folded)) {
            return Injection{InjectionKind::sql, rule};
        }
    }
    return std::nullopt;
}

// Apart, so that ordinary values do not pay for its frame.
[[gnu::noinline]] std::optional<Injection> look_closely(std::string_view decoded) {
    // An attack longer than this is cut; none of the rules looks farther.
    constexpr std::size_t kOverlap = 256;
    std::array<char, kFoldedMax> folded;
    std::size_t from = 0;
    while (true) {
        std::size_t size = 0;
        std::size_t at = from;
        std::size_t again = from;  // where the next window begins
        while (at < decoded.size() && size < folded.size()) {
            if (size == folded.size() - kOverlap) {
                again = at;
            }
            const Byte byte = folded_at(decoded.substr(at));
            folded[size++] = byte.value;
            at += byte.size;
        }
        if (const auto found = look({folded.data(), size})) {
            return found;
        }
        if (at >= decoded.size()) {
            return std::nullopt;
        }
        from = again;
    }
}

}  // namespace

std::string_view kind_name(InjectionKind kind) {
    switch (kind) {
        case InjectionKind::sql:
            return "sql";
        case InjectionKind::script:
            return "script";
        case InjectionKind::path:
            return "path";
        case InjectionKind::command:
            return "command";
    }
    return "";
}

bool is_plain_path(std::string_view path) {
    constexpr auto kPlain = [] {
        std::array<bool, 256> plain{};
        for (unsigned c = 0; c < plain.size(); ++c) {
            const char folded = static_cast<char>(c | 0x20);
            plain[c] = is_digit(static_cast<char>(c)) ||
                       (c < 0x80 && folded >= 'a' && folded <= 'z') || c == '-' || c == '_' ||
                       c == '~' || c == '/';
        }
        return plain;
    }();
    return std::ranges::all_of(path, [&](char c) { return kPlain[static_cast<unsigned char>(c)]; });
}

std::optional<Injection> find_injection(std::string_view decoded) {
    const unsigned marks = marks_of(decoded);
    if (marks == 0 || (marks == kDot && decoded.find("..") == std::string_view::npos)) {
        return std::nullopt;
    }
    return look_closely(decoded);
}

}  // namespace gw::security
