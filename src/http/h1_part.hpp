// One part of a body on its way out: what stands before and behind its bytes, so that all three leave in one write.
#pragma once

#include <string_view>

#include "http/head_buffer.hpp"
#include "http/headers.hpp"

namespace gw::http {

struct FramedPart {
    std::string_view before;   // what `out` held, and the chunk's size
    std::string_view after;
};

// Writes the chunk framing of `body` behind what `out` holds already; nothing unless `chunked`. An empty part
// is no chunk: only the last one is. trailers may be null. Views into `out`; check out.overflowed().
inline FramedPart frame_part(HeadBuffer& out, bool chunked, std::string_view body, bool last,
                             const Headers* trailers) {
    if (chunked && !body.empty()) {
        out.append_chunk_size(body.size());
    }
    const std::size_t before = out.view().size();
    if (chunked) {
        if (!body.empty()) {
            out.append("\r\n");
        }
        if (last) {
            out.append("0\r\n");
            if (trailers != nullptr) {
                for (const Field& field : *trailers) {
                    out.append_field(field.name, field.value);
                }
            }
            out.append("\r\n");
        }
    }
    return {out.view().substr(0, before), out.view().substr(before)};
}

}  // namespace gw::http
