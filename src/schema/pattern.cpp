#include "schema/pattern.hpp"

#include <re2/re2.h>

#include "base/text.hpp"

namespace gw::schema {
namespace {

// Longer ones are generated, and slow to compile.
constexpr std::size_t kTextMax = 4'096;
// What one may cost: RE2 falls back to a slower matcher, of the same linear time, beyond.
constexpr std::int64_t kBytesMax = 1'048'576;

bool is_hex(std::string_view text, std::size_t at, std::size_t count) {
    for (std::size_t i = at; i < at + count; ++i) {
        if (i >= text.size() || hex_value(text[i]) < 0) {
            return false;
        }
    }
    return true;
}

// ECMA-262's escapes that RE2 writes otherwise: \u0041 and \u{41} are \x{41} there, and \s holds
// more than ASCII's spaces.
std::string as_re2_writes_it(std::string_view text) {
    std::string out;
    bool in_class = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            in_class = text[i] == '[' || (in_class && text[i] != ']');
            out += text[i];
            continue;
        }
        const char escaped = text[++i];
        if (escaped == 'u' && is_hex(text, i + 1, 4)) {
            out.append("\\x{").append(text.substr(i + 1, 4)).append("}");
            i += 4;
        } else if (escaped == 'u' && i + 1 < text.size() && text[i + 1] == '{') {
            out += "\\x";
        } else if (escaped == 's' || (escaped == 'S' && !in_class)) {
            constexpr std::string_view kSpaces = R"(\t\n\v\f\r \x{a0}\x{feff}\p{Z})";
            out.append(in_class         ? ""
                       : escaped == 's' ? "["
                                        : "[^")
                .append(kSpaces)
                .append(in_class ? "" : "]");
        } else {
            out.append({'\\', escaped});
        }
    }
    return out;
}

}  // namespace

Pattern::Pattern(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
Pattern::~Pattern() = default;

std::unique_ptr<Pattern> Pattern::make(std::string_view text) {
    if (text.size() > kTextMax) {
        return nullptr;
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_never_capture(true);
    options.set_max_mem(kBytesMax);
    auto compiled = std::make_unique<re2::RE2>(as_re2_writes_it(text), options);
    if (!compiled->ok()) {
        return nullptr;
    }
    return std::make_unique<Pattern>(std::move(compiled));
}

bool Pattern::found_in(std::string_view text) const {
    return compiled_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                            re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace gw::schema
