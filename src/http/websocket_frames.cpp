#include "http/websocket_frames.hpp"

#include <algorithm>

#include "base/ensure.hpp"

namespace gw::http {
namespace {

constexpr unsigned kOpcode = 0x0F;
constexpr unsigned kClose = 0x8;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kTwoBytes = 126;
constexpr unsigned kEightBytes = 127;

}  // namespace

void WebSocketFrames::take_head(unsigned char byte) {
    const std::uint8_t at = have_++;
    if (at == 0) {
        opcode_ = byte & kOpcode;
        size_ = 2;
        length_end_ = 2;
    } else if (at == 1) {
        const unsigned length = byte & ~kMasked;
        length_end_ = length == kEightBytes ? 10 : length == kTwoBytes ? 4 : 2;
        left_ = length_end_ == 2 ? length : 0;
        size_ = static_cast<std::uint8_t>(length_end_ + ((byte & kMasked) != 0 ? 4 : 0));
    } else if (at < length_end_) {
        // RFC 6455, 5.2: the most significant bit of 64 must be 0.
        lost_ = lost_ || (left_ >> 55) != 0;
        left_ = (left_ << 8) | byte;
    }
    if (have_ == size_) {
        have_ = 0;
        closing_ = closing_ || opcode_ == kClose;
    }
}

std::size_t WebSocketFrames::take(std::string_view bytes) {
    std::size_t end = 0;
    for (std::size_t at = 0; at < bytes.size() && !lost_;) {
        if (have_ > 0 || left_ == 0) {
            take_head(static_cast<unsigned char>(bytes[at++]));
        } else {
            const std::uint64_t taken = std::min<std::uint64_t>(left_, bytes.size() - at);
            left_ -= taken;
            at += taken;
        }
        if (at_boundary()) {
            end = at;
        }
    }
    return end;
}

std::string websocket_close(std::uint16_t code, std::string_view reason) {
    constexpr std::size_t kReasonMax = 123;  // of 125 bytes that a control frame may hold
    ensure(reason.size() <= kReasonMax, "the reason of a Close frame is short");
    std::string frame{static_cast<char>(kMasked | kClose), static_cast<char>(2 + reason.size()),
                      static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    frame += reason;
    return frame;
}

}  // namespace gw::http
