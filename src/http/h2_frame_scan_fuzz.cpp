// Any bytes behind a connection's preface: the same frames are found whole, byte by byte and cut in
// two, and no more of them than nine bytes each allow.
#include "http/h2_frame_scan.hpp"

#include <vector>

#include "base/ensure.hpp"

namespace gw::http {
namespace {

struct Found {
    std::uint32_t length;
    std::uint8_t type;
    std::int32_t stream;
    bool operator==(const Found&) const = default;
};

void scan(H2FrameScan& scan, std::string_view bytes, std::vector<Found>& found) {
    while (!bytes.empty()) {
        const std::size_t taken = scan.step(bytes);
        ensure(taken > 0 && taken <= bytes.size(), "a scan that takes nothing, or too much");
        if (const H2FrameHead* head = scan.found()) {
            found.push_back({head->length, head->type, head->stream});
        }
        bytes.remove_prefix(taken);
    }
}

std::vector<Found> in_pieces(std::string_view bytes, std::size_t piece) {
    H2FrameScan one;
    std::vector<Found> found;
    while (!bytes.empty()) {
        scan(one, bytes.substr(0, piece), found);
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return found;
}

}  // namespace
}  // namespace gw::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = gw::http::in_pieces(bytes, size + 1);
    gw::ensure(whole.size() <= size / 9, "more frames than there is room for");
    gw::ensure(whole == gw::http::in_pieces(bytes, 1), "byte by byte other frames");
    gw::ensure(whole == gw::http::in_pieces(bytes, size / 2 + 1), "cut in two other frames");
    return 0;
}
