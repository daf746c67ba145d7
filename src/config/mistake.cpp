#include "config/mistake.hpp"

#include <tuple>

namespace gw::config {

std::string Place::to_string() const {
    if (line == 0) {
        return source;
    }
    return source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

bool operator<(const Place& a, const Place& b) {
    return std::make_tuple(a.line == 0, a.line, a.column, std::string_view(a.source)) <
           std::make_tuple(b.line == 0, b.line, b.column, std::string_view(b.source));
}

std::string Mistake::to_string() const {
    std::string out = place.to_string() + ": " + what;
    if (!remedy.empty()) {
        out += "; " + remedy;
    }
    return out;
}

std::string quote(std::string_view text) {
    constexpr std::size_t kShown = 80;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text.substr(0, kShown)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            out += "\\x";
            out += kDigits[byte >> 4U];
            out += kDigits[byte & 15U];
        } else {
            out += c;
        }
    }
    return out + (text.size() > kShown ? "…\"" : "\"");
}

}  // namespace gw::config
