// Where a head is written: somebody else's memory of a fixed size. What does not fit is left out
// and remembered, so that writers need no checks on the way and callers one at the end. Never
// allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace gw::http {

class HeadBuffer {
  public:
    explicit HeadBuffer(std::span<char> memory) : data_(memory.data()), capacity_(memory.size()) {}

    void append(std::string_view text) {
        if (has_room(text.size())) {
            copy(data_ + size_, text);
            size_ += text.size();
        }
    }
    void append(char c) {
        if (has_room(1)) {
            data_[size_++] = c;
        }
    }
    // name ": " value CRLF
    void append_field(std::string_view name, std::string_view value) {
        const std::size_t size = name.size() + value.size() + 4;
        if (has_room(size)) {
            // Stores of characters may alias our members: all of it goes through one local.
            char* at = copy(data_ + size_, name);
            at[0] = ':';
            at[1] = ' ';
            at = copy(at + 2, value);
            at[0] = '\r';
            at[1] = '\n';
            size_ += size;
        }
    }
    void append_decimal(std::uint64_t number);
    // A chunk's size in hexadecimal and CRLF (RFC 9112, 7.1).
    void append_chunk_size(std::uint64_t size);

    // What was written; not to be sent if overflowed().
    [[nodiscard]] std::string_view view() const { return {data_, size_}; }
    [[nodiscard]] bool overflowed() const { return overflowed_; }
    [[nodiscard]] std::size_t room() const { return capacity_ - size_; }

  private:
    bool has_room(std::size_t bytes) {
        overflowed_ = overflowed_ || bytes > capacity_ - size_;
        return !overflowed_;
    }
    // Names and values are short, and a call of memcpy for each costs more than their bytes.
    static char* copy(char* to, std::string_view text) {
        const char* const from = text.data();
        const std::size_t count = text.size();
        if (count > 32) {
            std::memcpy(to, from, count);
        } else if (count >= 16) {
            copy_ends<16>(to, from, count);
        } else if (count >= 8) {
            copy_ends<8>(to, from, count);
        } else if (count >= 4) {
            copy_ends<4>(to, from, count);
        } else {
            for (std::size_t i = 0; i < count; ++i) {
                to[i] = from[i];
            }
        }
        return to + count;
    }
    // kBlock to 2 * kBlock bytes as two blocks that may overlap.
    template <std::size_t kBlock>
    static void copy_ends(char* to, const char* from, std::size_t count) {
        std::memcpy(to, from, kBlock);
        std::memcpy(to + count - kBlock, from + count - kBlock, kBlock);
    }

    char* data_;
    std::size_t capacity_;
    std::size_t size_ = 0;
    bool overflowed_ = false;
};

}  // namespace gw::http
