// One part of a body on its way out, with what stands before and behind its bytes, so that it all
// leaves in one write.
#pragma once

#include <string_view>

#include "http/head_buffer.hpp"
#include "http/headers.hpp"

namespace gw::http {

struct FramedPart {
    std::string_view before;  // what `out` held, the chunk's size, and a small body itself
    std::string_view body;    // a larger one, where it lies
    std::string_view after;
};

// Up to this size a copy is cheaper than a second piece of a gathered write; measured with answers
// of 1 KB.
inline constexpr std::size_t kCopiedBodyMax = 4096;
// The CRLF behind a chunk and the last chunk: what may follow a copied body.
inline constexpr std::size_t kBehindBodyMax = 7;

// Writes the framing of `body` behind what `out` holds already; none unless `chunked`. An empty
// part is no chunk: only the last one is. trailers may be null. Views into `out`; check
// out.overflowed().
inline FramedPart frame_part(HeadBuffer& out, bool chunked, std::string_view body, bool last,
                             const Headers* trailers) {
    const bool chunk = chunked && !body.empty();
    if (chunk) {
        out.append_chunk_size(body.size());
    }
    // A large head, or trailers, may need the room themselves.
    const bool copied = body.size() <= kCopiedBodyMax && trailers == nullptr &&
                        out.room() >= body.size() + kBehindBodyMax;
    if (copied) {
        out.append(body);
    }
    const std::size_t before = out.view().size();
    if (chunk) {
        out.append("\r\n");
    }
    if (chunked && last) {
        out.append("0\r\n");
        if (trailers != nullptr) {
            for (const Field& field : *trailers) {
                out.append_field(field.name, field.value);
            }
        }
        out.append("\r\n");
    }
    if (copied) {
        return {out.view(), {}, {}};
    }
    return {out.view().substr(0, before), body, out.view().substr(before)};
}

}  // namespace gw::http
