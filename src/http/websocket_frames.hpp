// Where the frames of a WebSocket end (RFC 6455, 5.2), read from their heads alone, so that a frame
// of our own may be put between two of a service's. What the frames hold is nobody's business here.
//
//      byte 0                byte 1              then
//     +-+-+-+-+-------+     +-+-------------+   +---------------------------+--------------+
//     |F|R|R|R|opcode |     |M| length or   |   | 2 bytes of length for 126 | 4 bytes mask |
//     |I|S|S|S|       |     | | 126 or 127  |   | 8 bytes of length for 127 | if M         |
//     +-+-+-+-+-------+     +-+-------------+   +---------------------------+--------------+
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::http {

// One direction of one connection. Pure.
class WebSocketFrames {
  public:
    // Takes the bytes that come next; returns how many of them end with a whole frame: 0 if no
    // frame ends among them.
    std::size_t take(std::string_view bytes);

    // Between two frames, and known to be. Not so once a length came that no frame may have: from
    // there on nobody can say where one ends.
    [[nodiscard]] bool at_boundary() const { return !lost_ && have_ == 0 && left_ == 0; }
    // A Close frame has been seen: nothing may follow it.
    [[nodiscard]] bool closing() const { return closing_; }

  private:
    // The next byte of a frame's head.
    void take_head(unsigned char byte);

    std::uint64_t left_ = 0;  // bytes of the frame behind its head; while that is read, its length
    std::uint8_t have_ = 0;   // bytes of the head read
    std::uint8_t size_ = 2;   // of the head, as far as is known
    std::uint8_t length_end_ = 2;  // where its length ends
    std::uint8_t opcode_ = 0;
    bool closing_ = false;
    bool lost_ = false;
};

// Status codes of Close frames (RFC 6455, 7.4.1).
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kPolicyViolation = 1008;

// A whole Close frame of a server: unmasked. reason: UTF-8, at most 123 bytes.
std::string websocket_close(std::uint16_t code, std::string_view reason);

}  // namespace gw::http
