// Short-lived text of one exchange: bytes are taken one after the other and all given back at once.
// The first block is part of the arena, so that an ordinary request allocates nothing. One thread.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "base/copy_text.hpp"

namespace gw {

class Arena {
  public:
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    char* take(std::size_t bytes) {
        if (bytes > kInline - used_) {
            more_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
            return more_.back().get();
        }
        char* const at = first_.data() + used_;
        used_ += bytes;
        return at;
    }
    std::string_view copy(std::string_view text) {
        char* const at = take(text.size());
        return {at, static_cast<std::size_t>(copy_text(at, text) - at)};
    }
    // The pieces, one after the other, as one text.
    template <class... Text>
    std::string_view join(const Text&... texts) {
        const std::size_t size = (std::string_view(texts).size() + ...);
        char* const at = take(size);
        char* next = at;
        ((next = copy_text(next, texts)), ...);
        return {at, size};
    }
    void clear() {
        used_ = 0;
        more_.clear();
    }

  private:
    static constexpr std::size_t kInline = 2048;
    std::size_t used_ = 0;
    std::array<char, kInline> first_;
    std::vector<std::unique_ptr<char[]>> more_;
};

}  // namespace gw
