// Follows the frames in a client's bytes (RFC 9113, 4.1), for what the library that reads them
// passes over without a word, or does slowly: it finds the head of each frame that has to be looked
// at, after those before it and before the frame itself is read. Pure; bytes in pieces of any size.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gw::http {

struct H2FrameHead {
    std::uint32_t length = 0;
    std::uint8_t type = 0;
    std::int32_t stream = 0;
    std::int32_t depends_on = 0;  // PRIORITY only
    bool opens = false;           // HEADERS of a new stream
};

class H2FrameScan {
  public:
    // Reads on until it is behind the head of a frame that may have to be looked at, or at the end.
    // Returns how many bytes that were; found() says whether there is such a head.
    std::size_t step(std::string_view bytes);
    // The frame whose head ended there, or null.
    [[nodiscard]] const H2FrameHead* found() const { return found_ ? &head_ : nullptr; }

  private:
    static constexpr std::size_t kHead = 9;
    static constexpr std::size_t kDependency = 4;

    void take_head();

    std::uint64_t skip_ = 24;  // of the connection's preface, later of payloads
    std::size_t filled_ = 0;   // of text_
    std::size_t wanted_ = kHead;
    std::array<char, kHead + kDependency> text_{};
    H2FrameHead head_;
    std::int32_t highest_ = 0;  // of the streams that HEADERS have named
    bool found_ = false;
};

}  // namespace gw::http
