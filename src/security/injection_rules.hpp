// The rules behind find_injection(), one function a kind. Each takes folded text (ASCII in lower
// case, escapes undone, at most kFoldedMax bytes) and returns the name of the rule that matches, or
// null. Bounded looks ahead keep each of them linear.
#pragma once

#include <cstddef>
#include <string_view>

namespace gw::security {

inline constexpr std::size_t kFoldedMax = 2048;

const char* find_sql(std::string_view folded);
const char* find_script(std::string_view folded);
const char* find_path(std::string_view folded);
const char* find_command(std::string_view folded);

constexpr bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}
constexpr std::size_t skip_spaces(std::string_view text, std::size_t at) {
    while (at < text.size() && is_space(text[at])) {
        ++at;
    }
    return at;
}

}  // namespace gw::security
