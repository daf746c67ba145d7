#include "http/h2_unpack.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/copy_text.hpp"
#include "http/h2_literals.hpp"
#include "http/h2_nghttp2.hpp"

namespace gw::http {
namespace {

constexpr std::size_t kHead = 9;  // RFC 9113, 4.1
constexpr std::size_t kFlagsAt = 4;
constexpr std::size_t kPriority = 5;             // 6.2: fields of the flag of that name
constexpr std::size_t kFrameMost = 16UL * 1024;  // 4.2
constexpr std::size_t kCodeLeast = 64;           // a shorter one is decoded as fast
constexpr std::uint8_t kHuffman = 0x80;          // RFC 7541, 5.2

// Where a value stands, with the number before it that says its size.
struct Value {
    std::string_view whole;
    std::string_view code;
};

// Reads the representations of a section (RFC 7541, 6).
class Reader {
  public:
    explicit Reader(std::string_view section) : left_(section) {}

    [[nodiscard]] std::string_view left() const { return left_; }

    // 5.1. Nothing: not whole, or more than a frame could hold.
    std::optional<std::size_t> number(unsigned prefix_bits) {
        if (left_.empty()) {
            return std::nullopt;
        }
        const std::size_t most = (1U << prefix_bits) - 1;
        std::size_t value = take() & most;
        if (value < most) {
            return value;
        }
        for (unsigned shift = 0; shift <= 14 && !left_.empty(); shift += 7) {
            const std::uint8_t byte = take();
            value += static_cast<std::size_t>(byte & 0x7F) << shift;
            if ((byte & 0x80) == 0) {
                return value;
            }
        }
        return std::nullopt;
    }

    // 5.2. Is it in Huffman's code?
    std::optional<bool> text(std::string_view& bytes) {
        if (left_.empty()) {
            return std::nullopt;
        }
        const bool huffman = (static_cast<std::uint8_t>(left_.front()) & kHuffman) != 0;
        const std::optional<std::size_t> size = number(7);
        if (!size || *size > left_.size()) {
            return std::nullopt;
        }
        bytes = left_.substr(0, *size);
        left_.remove_prefix(*size);
        return huffman;
    }

    // Passes over one; false: it is broken. Its value becomes the secret if it is long, in
    // Huffman's code and never to be put into a table.
    bool step(std::optional<Value>& secret) {
        const auto first = static_cast<std::uint8_t>(left_.front());
        if ((first & 0x80) != 0) {
            return number(7).has_value();
        }
        if ((first & 0xE0) == 0x20) {
            return number(5).has_value();
        }
        const std::optional<std::size_t> name = number((first & 0x40) != 0 ? 6 : 4);
        std::string_view code;
        if (!name || (*name == 0 && !text(code))) {
            return false;
        }
        const char* const begin = left_.data();
        const std::optional<bool> huffman = text(code);
        if (!huffman) {
            return false;
        }
        if (*huffman && (first & 0xF0) == 0x10 && code.size() >= kCodeLeast) {
            secret = Value{.whole = {begin, left_.data()}, .code = code};
        }
        return true;
    }

  private:
    std::uint8_t take() {
        const auto byte = static_cast<std::uint8_t>(left_.front());
        left_.remove_prefix(1);
        return byte;
    }

    std::string_view left_;
};

// By the library: as the value of a field that is alone in its section. Nothing: it is none.
std::optional<std::string> decode(std::string_view code) {
    constexpr std::string_view kNameA("\x00\x01\x61", 3);
    std::string section(kNameA.size() + kHpackSizeMost, '\0');
    char* const end = write_hpack_size(std::ranges::copy(kNameA, section.data()).out, code.size());
    section[kNameA.size()] = static_cast<char>(section[kNameA.size()] | kHuffman);
    section.resize(static_cast<std::size_t>(end - section.data()));
    section.append(code);

    struct Delete {
        void operator()(nghttp2_hd_inflater* made) const { nghttp2_hd_inflate_del(made); }
    };
    nghttp2_hd_inflater* made = nullptr;
    if (nghttp2_hd_inflate_new(&made) != 0) {
        return std::nullopt;
    }
    const std::unique_ptr<nghttp2_hd_inflater, Delete> inflater(made);
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t took = nghttp2_hd_inflate_hd2(
        made, &field, &flags, reinterpret_cast<const std::uint8_t*>(section.data()), section.size(),
        1);
    if (took != static_cast<ssize_t>(section.size()) || (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) {
        return std::nullopt;
    }
    return std::string(h2_text(field.value, field.valuelen));
}

}  // namespace

bool H2Unpack::knows(std::string_view code) {
    if (code == code_) {
        return true;
    }
    std::optional<std::string> text = decode(code);
    if (text) {
        code_ = code;
        text_ = *std::move(text);
    }
    return text.has_value();
}

std::string_view H2Unpack::plain(std::string_view frame, std::span<char> room) {
    const auto flags = static_cast<std::uint8_t>(frame[kFlagsAt]);
    const std::size_t before =
        kHead + ((flags & NGHTTP2_FLAG_PRIORITY) != 0 ? kPriority : std::size_t{0});
    if ((flags & NGHTTP2_FLAG_END_HEADERS) == 0 || (flags & NGHTTP2_FLAG_PADDED) != 0 ||
        frame.size() < before) {
        return {};
    }
    std::optional<Value> secret;
    for (Reader reader(frame.substr(before)); !reader.left().empty();) {
        if (!reader.step(secret)) {
            return {};
        }
    }
    // A longer one would not fit when it is decoded, and is not worth what it takes to be known.
    if (!secret || secret->code.size() > room.size() || !knows(secret->code)) {
        return {};
    }
    const std::size_t most = frame.size() + kHpackSizeMost + text_.size() - secret->whole.size();
    if (most > std::min(kFrameMost, room.size())) {
        return {};
    }
    char* to = room.data();
    to = copy_text(to, {frame.data(), secret->whole.data()});
    to = copy_text(write_hpack_size(to, text_.size()), text_);
    to = copy_text(to, {secret->whole.data() + secret->whole.size(), frame.data() + frame.size()});
    const auto size = static_cast<std::size_t>(to - room.data());
    for (unsigned i = 0; i < 3; ++i) {
        room[i] = static_cast<char>((size - kHead) >> (16 - 8 * i) & 0xFF);
    }
    return {room.data(), size};
}

}  // namespace gw::http
