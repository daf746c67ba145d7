// What a service that echoes says on a WebSocket: each of its client's frames again, without the
// mask (RFC 6455, 5.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

// Adds the echo of the whole frames at the front of `bytes` to `out`; says how many bytes these
// frames were. Every client's frame has a mask, and these are checked by a proxy already.
inline std::size_t echo_frames(std::string_view bytes, std::string& out) {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at]));
    };
    constexpr std::size_t kShort = 2;
    constexpr std::size_t kMask = 4;
    std::size_t used = 0;
    while (used + kShort <= bytes.size()) {
        std::uint64_t length = byte(used + 1) & 0x7fU;
        const std::size_t more = length == 127 ? 8 : length == 126 ? 2 : 0;
        const std::size_t head = used + kShort + more;
        if (head + kMask > bytes.size()) {
            break;
        }
        if (more > 0) {
            length = 0;
            for (std::size_t at = used + kShort; at < head; ++at) {
                length = length << 8U | byte(at);
            }
        }
        if (bytes.size() - head - kMask < length) {
            break;
        }
        out += bytes[used];
        out += static_cast<char>(byte(used + 1) & 0x7fU);
        out += bytes.substr(used + kShort, more);
        for (std::uint64_t i = 0; i < length; ++i) {
            out += static_cast<char>(byte(head + kMask + i) ^ byte(head + i % kMask));
        }
        used = head + kMask + length;
    }
    return used;
}

}  // namespace bench
