#include "state/glob.hpp"

#include <algorithm>

namespace gw::state {
namespace {

// One character of a class, escaped or not.
char class_member(std::string_view pattern, std::size_t& at) {
    at += pattern[at] == '\\' && at + 1 < pattern.size() ? 1 : 0;
    return pattern[at++];
}

// After the bracket. A class without an end ends with the pattern.
bool class_matches(std::string_view pattern, std::size_t& at, char c) {
    const bool negated = at < pattern.size() && pattern[at] == '^';
    at += negated ? 1 : 0;
    bool inside = false;
    while (at < pattern.size() && pattern[at] != ']') {
        const auto byte = [](char x) { return static_cast<unsigned char>(x); };
        const char first = class_member(pattern, at);
        char last = first;
        if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
            last = class_member(pattern, ++at);
        }
        inside = inside || (byte(c) >= std::min(byte(first), byte(last)) &&
                            byte(c) <= std::max(byte(first), byte(last)));
    }
    at += at < pattern.size() ? 1 : 0;
    return inside != negated;
}

bool one_matches(std::string_view pattern, std::size_t& at, char c) {
    const char wanted = pattern[at++];
    if (wanted == '?') {
        return true;
    }
    if (wanted == '[') {
        return class_matches(pattern, at, c);
    }
    if (wanted == '\\' && at < pattern.size()) {
        return pattern[at++] == c;
    }
    return wanted == c;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
    // Where to go on when what follows the last star does not match: earlier stars need no second
    // try.
    std::size_t star = std::string_view::npos;
    std::size_t resumed = 0;
    std::size_t p = 0;
    std::size_t t = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resumed = t;
            continue;
        }
        std::size_t after = p;
        if (p < pattern.size() && one_matches(pattern, after, text[t])) {
            p = after;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resumed;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') {
        ++p;
    }
    return p == pattern.size();
}

}  // namespace gw::state
