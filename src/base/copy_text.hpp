// Copies of short texts: names, values, ids. A call of memcpy for each costs more than their bytes.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace gw {

namespace text_detail {

// kBlock to 2 * kBlock bytes as two blocks that may overlap.
template <std::size_t kBlock>
void copy_ends(char* to, const char* from, std::size_t count) {
    std::memcpy(to, from, kBlock);
    std::memcpy(to + count - kBlock, from + count - kBlock, kBlock);
}

// Spares its callers to save their registers for a call that they seldom make.
[[gnu::noinline]]
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
__attribute__((preserve_most))
#endif
inline void copy_long(char* to, const char* from, std::size_t count) {
    std::memcpy(to, from, count);
}

}  // namespace text_detail

// Returns the end of what was written. The two must not overlap.
inline char* copy_text(char* to, std::string_view text) {
    const char* const from = text.data();
    const std::size_t count = text.size();
    if (count >= 8) [[likely]] {
        if (count > 64) [[unlikely]] {
            text_detail::copy_long(to, from, count);
        } else if (count >= 32) {
            text_detail::copy_ends<32>(to, from, count);
        } else if (count >= 16) {
            text_detail::copy_ends<16>(to, from, count);
        } else {
            text_detail::copy_ends<8>(to, from, count);
        }
    } else if (count >= 4) {
        text_detail::copy_ends<4>(to, from, count);
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = from[i];
        }
    }
    return to + count;
}

}  // namespace gw
