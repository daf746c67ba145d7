// Where a head is written: somebody else's memory of a fixed size. What does not fit is left out
// and remembered, so that writers need no checks on the way and callers one at the end. Never
// allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/copy_text.hpp"

namespace gw::http {

class HeadBuffer {
  public:
    explicit HeadBuffer(std::span<char> memory) : data_(memory.data()), capacity_(memory.size()) {}

    void append(std::string_view text) {
        if (has_room(text.size())) {
            copy_text(data_ + size_, text);
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
            char* at = copy_text(data_ + size_, name);
            at[0] = ':';
            at[1] = ' ';
            at = copy_text(at + 2, value);
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

    char* data_;
    std::size_t capacity_;
    std::size_t size_ = 0;
    bool overflowed_ = false;
};

}  // namespace gw::http
