#include "config/outline.hpp"

#include <algorithm>

namespace gw::config {

std::string json_text(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += kDigits[byte >> 4U];
            out += kDigits[byte & 15U];
        } else {
            out += c;
        }
    }
    return out + '"';
}

OutlineField* Outline::find(std::string_view name) {
    const auto found = std::ranges::find(fields, name, &OutlineField::name);
    return found == fields.end() ? nullptr : &*found;
}

OutlineField Outline::begin(const Field& field) {
    OutlineField out;
    out.name = field.name;
    out.help = field.help;
    out.environment = field.env;
    out.secret = field.secret;
    out.required = field.required;
    out.at_start = field.at_start;
    return out;
}

}  // namespace gw::config
