// For tests: is this the inside of a JSON string, on one line and without controls?
#pragma once

#include <string_view>

#include "base/text.hpp"

namespace gw::observe {

inline bool is_escaped(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == '"' || c == 0x7F) {
            return false;
        }
        if (c != '\\') {
            continue;
        }
        ++i;
        if (i == text.size() ||
            std::string_view(R"("\nrtu)").find(text[i]) == std::string_view::npos) {
            return false;
        }
        if (text[i] == 'u') {
            for (int digit = 0; digit < 4; ++digit) {
                ++i;
                if (i == text.size() || hex_value(text[i]) < 0) {
                    return false;
                }
            }
        }
    }
    return true;
}

}  // namespace gw::observe
