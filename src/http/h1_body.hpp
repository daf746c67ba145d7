// The body of an HTTP/1.1 message from bytes (RFC 9112, 6 and 7). Pure: the caller owns buffers and I/O.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/h1_parser.hpp"
#include "http/message.hpp"

namespace gw::http {

class H1Body {
  public:
    // Extensions and size digits of all chunks may make up at most this much beyond what the data itself earns
    // (an attacker could send one byte of data with kilobytes of extension).
    static constexpr std::size_t kChunkLineMax = 4 * 1024;        // one chunk-size line with its extensions
    static constexpr std::size_t kChunkOverheadMax = 64 * 1024;   // all extensions of one body
    static constexpr std::size_t kTrailersMax = 8 * 1024;         // trailer section in bytes

    struct Step {
        std::size_t consumed = 0;   // bytes of `in` that are done with
        std::string_view data;      // body bytes, a view into `in`; may be empty although bytes were consumed
        bool end = false;           // the body is complete; what follows `consumed` is the next message
        bool refused = false;
        H1Refusal refusal;
    };

    H1Body() = default;
    // Begins a body framed as the head says.
    H1Body(Framing framing, std::uint64_t content_length);

    // Takes one step through `in`: returns the next run of data, or consumes framing. Call again with what
    // follows `consumed` until it consumes nothing (more bytes are needed) or `end`.
    // A body of Framing::none, or of length 0, is at its end at once.
    Step next(std::string_view in);

    // The other side closed. True if that ends the body cleanly (Framing::until_close), false if it is cut short.
    bool finish_at_close();

    [[nodiscard]] bool done() const;
    // Trailer fields of a chunked body once done; framing, routing and identity fields are already left out
    // (RFC 9110, 6.5.1). Views into storage that this object owns.
    [[nodiscard]] const Headers* trailers() const;
  private:
    // implementation's own state
};

}  // namespace gw::http
