// The body of an HTTP/1.1 message from bytes (RFC 9112, 6 and 7). Pure: the caller owns buffers and
// I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/h1_parser.hpp"
#include "http/message.hpp"

namespace gw::http {

class H1Body {
  public:
    // An attacker could send one byte of data with kilobytes of extension: the extensions of all
    // chunks may make up at most this much beyond the data itself.
    static constexpr std::size_t kChunkLineMax =
        std::size_t{4} * 1024;  // one chunk-size line with its extensions
    static constexpr std::size_t kChunkOverheadMax =
        std::size_t{64} * 1024;  // all extensions of one body, beyond its data
    static constexpr std::size_t kTrailersMax = std::size_t{8} * 1024;  // trailer section in bytes

    struct Step {
        std::size_t consumed = 0;  // bytes of `in` that are done with
        std::string_view
            data;  // body bytes, a view into `in`; may be empty although bytes were consumed
        bool end = false;  // the body is complete; what follows `consumed` is the next message
        bool refused = false;
        H1Refusal refusal;
    };

    H1Body() = default;
    // Begins a body framed as the head says.
    H1Body(Framing framing, std::uint64_t content_length);

    // Takes one step through `in`: returns the next run of data, or consumes framing. Call again
    // with what follows `consumed` until it consumes nothing (more bytes are needed) or `end`. A
    // body of Framing::none, or of length 0, is at its end at once.
    Step next(std::string_view in);

    // The other side closed. True if that ends the body cleanly (Framing::until_close), false if it
    // is cut short.
    bool finish_at_close();

    [[nodiscard]] bool done() const;
    // Trailer fields of a chunked body once done; framing, routing and identity fields are already
    // left out (RFC 9110, 6.5.1). Views into storage that this object owns.
    [[nodiscard]] const Headers* trailers() const;

  private:
    enum class State : std::uint8_t {
        data,       // remaining_ bytes of a body of known length
        open,       // until the other side closes
        size,       // digits of a chunk's size
        extension,  // after ';'
        quoted,     // within a quoted string of an extension
        escaped,    // after a backslash there
        size_lf,    // the LF of a chunk-size line
        chunk,      // remaining_ bytes of a chunk
        chunk_cr,   // the CRLF behind it
        chunk_lf,
        trailers,  // trailer lines, or the empty line that ends the body
        done,
        refused,
    };
    // What a trailer section needs, made when there is one.
    struct Section {
        std::string bytes;  // reserved once, so that views into it stay
        std::size_t parsed = 0;
        bool any = false;
        Headers fields;
    };

    // Takes framing at the start of `in` up to the next data, the end or the end of `in`; returns
    // how much.
    std::size_t take_framing(std::string_view in);
    bool take_size_byte(char c);
    bool take_extension_byte(char c);
    void end_size_line();
    std::size_t take_trailers(std::string_view in);
    void parse_trailers();
    void refuse(const char* detail);
    [[nodiscard]] bool in_data() const {
        return state_ == State::data || state_ == State::chunk || state_ == State::open;
    }

    State state_ = State::done;
    std::uint8_t digits_ = 0;
    std::uint32_t line_bytes_ = 0;  // of the chunk-size line so far
    std::uint64_t remaining_ = 0;
    std::uint64_t data_bytes_ = 0;       // all data so far
    std::uint64_t extension_bytes_ = 0;  // all extensions so far
    const char* detail_ = "";
    std::unique_ptr<Section> section_;
};

// Takes as much of a body as `pending` holds, as one run of data: the framing between chunks is
// closed up in place, so that a thousand small chunks cost no more writes than a large one.
// `pending` must point into memory that the caller may change. No data, no end and no refusal: more
// bytes are needed.
H1Body::Step take_run(H1Body& body, std::string_view& pending);

}  // namespace gw::http
