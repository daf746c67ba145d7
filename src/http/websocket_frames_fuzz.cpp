// Any bytes, cut in any way: the ends of frames are the same, and lie where a reader of whole
// buffers finds them. The first byte says how the rest is cut.
#include <cstdint>
#include <string_view>

#include "base/ensure.hpp"
#include "http/websocket_frames.hpp"

namespace {

// The end of the last whole frame, read all at once.
std::size_t last_end(std::string_view bytes) {
    std::size_t end = 0;
    while (bytes.size() - end >= 2) {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[end + i]); };
        const std::size_t left = bytes.size() - end;
        std::uint64_t length = byte(1) & 0x7F;
        const std::size_t more = length == 127 ? 8 : length == 126 ? 2 : 0;
        const std::size_t head = 2 + more + ((byte(1) & 0x80) != 0 ? 4 : 0);
        if (left < 2 + more) {
            return end;
        }
        if (more > 0) {
            length = 0;
            for (std::size_t i = 0; i < more; ++i) {
                length = (length << 8) | byte(2 + i);
            }
        }
        if ((length >> 63) != 0 || left < head || left - head < length) {
            return end;
        }
        end += head + length;
    }
    return end;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::size_t piece = data[0] + 1U;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    gw::http::WebSocketFrames whole;
    gw::http::WebSocketFrames cut;
    const std::size_t end = whole.take(bytes);
    std::size_t cut_end = 0;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const std::size_t got = cut.take(bytes.substr(at, piece));
        gw::ensure(got <= piece, "an end lies among the bytes given");
        cut_end = got != 0 ? at + got : cut_end;
    }
    gw::ensure(end == last_end(bytes), "a frame ends where its length says");
    gw::ensure(cut_end == end && cut.at_boundary() == whole.at_boundary() &&
                   cut.closing() == whole.closing(),
               "how bytes are cut makes no difference");
    gw::ensure(!whole.at_boundary() || end == bytes.size(), "a boundary is an end");
    return 0;
}
