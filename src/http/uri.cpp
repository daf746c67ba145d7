#include "http/uri.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gw::http {

namespace {

// How often a chain of services may plausibly decode the same path.
constexpr int kDecodingsMax = 8;

enum CharKind : std::uint8_t {
    kPlain,   // stays as it is, wherever it stands
    kSlash,   // may begin an empty or a dot segment
    kEscape,  // '%'
    kNever,   // refused
};

constexpr std::array<CharKind, 256> make_kinds() {
    std::array<CharKind, 256> kinds{};
    kinds.fill(kNever);
    for (unsigned c = 0x21; c < 0x7F; ++c) {
        kinds[c] = kPlain;
    }
    kinds['/'] = kSlash;
    kinds['%'] = kEscape;
    kinds['\\'] = kNever;
    kinds['#'] = kNever;
    kinds['?'] = kNever;  // would begin a query where the path is read again
    kinds[';'] = kNever;
    return kinds;
}

constexpr std::array<CharKind, 256> kKinds = make_kinds();

CharKind kind_of(char c) {
    return kKinds[static_cast<unsigned char>(c)];
}

// The common path: plain characters, and no slash before another or before a dot.
bool is_plainly_canonical(std::string_view path) {
    const char* at = path.data();
    const char* const end = at + path.size();
#ifdef __SSE2__
    const auto equal = [](__m128i bytes, char c) {
        return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
    };
    // One byte more than is judged is read: what stands behind a slash.
    for (; end - at >= 17; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i after = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 1));
        // Signed: bytes of 0x80 and more count as less than a space.
        __m128i special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x21));
        for (const char c : {'%', '\\', '#', '?', ';', '\x7F'}) {
            special = _mm_or_si128(special, equal(bytes, c));
        }
        const __m128i doubtful = _mm_or_si128(equal(after, '/'), equal(after, '.'));
        special = _mm_or_si128(special, _mm_and_si128(equal(bytes, '/'), doubtful));
        if (_mm_movemask_epi8(special) != 0) {
            return false;
        }
    }
#endif
    for (; at != end; ++at) {
        const CharKind kind = kind_of(*at);
        if (kind == kPlain) [[likely]] {
            continue;
        }
        const char after = at + 1 != end ? at[1] : 'a';
        if (kind != kSlash || after == '/' || after == '.') {
            return false;
        }
    }
    return true;
}

bool is_dot_segment(std::string_view segment) {
    return segment == "." || segment == "..";
}

bool is_control(unsigned value) {
    return value < 0x20 || value == 0x7F;
}

// A text in which every escape that is one was decoded; broken ones stay text.
std::string decoded_once(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int value = escape_value(text.substr(i));
        decoded += value >= 0 ? static_cast<char>(value) : text[i];
        i += value >= 0 ? 2 : 0;
    }
    return decoded;
}

class Normaliser {
  public:
    explicit Normaliser(std::string_view path) { canonical_.reserve(path.size()); }

    // False if the path is refused.
    bool run(std::string_view path) {
        if (!path.starts_with('/')) {
            return refuse("the path does not begin with a slash", false);
        }
        while (!path.empty()) {
            path.remove_prefix(1);  // the slash
            const std::size_t size = std::min(path.find('/'), path.size());
            const bool last = size == path.size();
            if (!add_segment(path.substr(0, size), last)) {
                return false;
            }
            path.remove_prefix(size);
        }
        return true;
    }

    [[nodiscard]] std::string& canonical() { return canonical_; }
    [[nodiscard]] const PathRefusal& refusal() const { return refusal_; }

  private:
    bool refuse(const char* detail, bool traversal) {
        refusal_ = {detail, traversal};
        return false;
    }

    // canonical_ is empty or ends behind a segment; each segment brings its slash. A last segment
    // that is empty, or a dot segment, leaves only the slash (RFC 3986, 5.2.4).
    bool add_segment(std::string_view segment, bool last) {
        const std::size_t before = canonical_.size();
        canonical_ += '/';
        escapes_hidden_ = false;
        if (!add_characters(segment)) {
            return false;
        }
        const std::string_view added = std::string_view(canonical_).substr(before + 1);
        if (escapes_hidden_ && !harmless_when_decoded(added)) {
            return false;
        }
        const bool up = added == "..";
        if (!up && added != "." && !added.empty()) {
            return true;
        }
        canonical_.resize(before);
        if (up) {
            if (canonical_.empty()) {
                return refuse("the path leads above the root", true);
            }
            canonical_.resize(canonical_.rfind('/'));
        }
        if (last) {
            canonical_ += '/';
        }
        return true;
    }

    bool add_characters(std::string_view segment) {
        std::string high_bytes;  // of escapes in a row, to be read as UTF-8
        for (std::size_t i = 0; i < segment.size(); ++i) {
            const char c = segment[i];
            if (c != '%') {
                if (kind_of(c) == kNever) {
                    return refuse_character(c, segment);
                }
                canonical_ += c;
            } else {
                const int value = escape_value(segment.substr(i));
                if (value < 0) {
                    return refuse("a broken escape in the path", false);
                }
                if (value >= 0x80) {
                    high_bytes += static_cast<char>(value);
                }
                if (!add_escaped(static_cast<unsigned>(value), segment)) {
                    return false;
                }
                i += 2;
                const bool row_goes_on = escape_value(segment.substr(i + 1)) >= 0x80;
                if (!row_goes_on && !is_utf8(std::exchange(high_bytes, {}))) {
                    return refuse("the path is not UTF-8", true);
                }
            }
        }
        return true;
    }

    bool add_escaped(unsigned value, std::string_view segment) {
        const char c = static_cast<char>(value);
        if (value < 0x80 && is_unreserved(c)) {
            canonical_ += c;
            return true;
        }
        if (is_control(value) || c == '/' || c == '\\' || c == ';') {
            return refuse_character(c, segment);
        }
        escapes_hidden_ = escapes_hidden_ || c == '%';
        canonical_ += percent_encode({&c, 1});
        return true;
    }

    // Nobody writes a slash, a backslash or a NUL into a segment by accident.
    bool refuse_character(char c, std::string_view segment) {
        switch (c) {
            case '/':
                return refuse("an escaped slash in the path", true);
            case '\\':
                return refuse("a backslash in the path", true);
            case ';':
                return refuse("parameters in the path", segment.starts_with('.'));
            case '\0':
                return refuse("a NUL in the path", true);
            default:
                return refuse("an illegal character in the path", false);
        }
    }

    // Is a segment still what it seems when services decode it again and again? An escape that is
    // broken by then is ordinary text: "100%25" is "100%".
    bool harmless_when_decoded(std::string_view segment) {
        std::string now = decoded_once(segment);
        for (int decodings = 1; decodings <= kDecodingsMax; ++decodings) {
            std::string next = decoded_once(now);
            if (next == now) {
                return true;
            }
            bool hides = is_dot_segment(next) || !is_utf8(next);
            for (const char c : next) {
                hides = hides || is_control(static_cast<unsigned char>(c)) || c == '/' ||
                        c == '\\' || c == ';';
            }
            if (hides) {
                return refuse("escapes in the path hide other characters", true);
            }
            now = std::move(next);
        }
        return refuse("the path is escaped too often", true);
    }

    std::string canonical_;
    bool escapes_hidden_ = false;  // in the segment: an escaped '%'
    PathRefusal refusal_;
};

}  // namespace

PathOutcome normalise_path(std::string_view path, std::string& out, PathRefusal& refusal) {
    if (path.starts_with('/') && is_plainly_canonical(path)) {
        return PathOutcome::unchanged;
    }
    Normaliser normaliser(path);
    if (!normaliser.run(path)) {
        refusal = normaliser.refusal();
        return PathOutcome::refused;
    }
    if (normaliser.canonical() == path) {
        return PathOutcome::unchanged;
    }
    out = std::move(normaliser.canonical());
    return PathOutcome::rewritten;
}

std::string fully_decoded(std::string_view segment) {
    // Decoding where an escape becomes complete, even one made of decoded characters, comes to the
    // same as decoding the whole text until nothing changes, in one pass.
    std::string decoded;
    decoded.reserve(segment.size());
    for (const char c : segment) {
        decoded += c;
        while (decoded.size() >= 3) {
            const int value = escape_value(std::string_view(decoded).substr(decoded.size() - 3));
            if (value < 0) {
                break;
            }
            decoded.resize(decoded.size() - 3);
            decoded += static_cast<char>(value);
        }
    }
    decoded.resize(std::min(decoded.find_first_of("?#"), decoded.size()));
    for (char& c : decoded) {
        c = lower(c);
    }
    return decoded;
}

}  // namespace gw::http
