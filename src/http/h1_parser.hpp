// HTTP/1.1 heads from bytes, strictly (RFC 9112): one reading of every message, or a refusal.
// Pure: no I/O, no allocation; results are views into the bytes given.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/message.hpp"

namespace gw::http {

struct H1Limits {
    std::size_t request_line_max = std::size_t{8} * 1024;  // longer: 414
    std::size_t head_max = std::size_t{16} * 1024;  // whole head: 431; a head must fit one buffer
};

// Why a head was refused. status is what a server answers (a client of upstreams makes it 502).
struct H1Refusal {
    int status = 400;
    const char* detail = "";  // a literal; safe to show to the client
};

struct H1Parse {
    enum class State : std::uint8_t { complete, incomplete, refused };
    State state = State::incomplete;
    std::size_t consumed =
        0;  // complete: bytes of the head, with the empty line (and leading CRLFs of a request)
    H1Refusal refusal;  // refused
};

// Parses a request head at the start of `bytes`. Framing, authority, keep_alive and expect_continue
// are decided here, so that no later code reads these fields again. Call again with more bytes
// while incomplete; a head that already broke a rule is refused at once, however much is missing.
H1Parse parse_request(std::string_view bytes, const H1Limits& limits, RequestHead& out);

// Parses a response head. `to` is the method of the request that it answers: it decides about the
// body (RFC 9112, 6.3). obs-fold is refused too: an upstream that folds is answered for with 502.
H1Parse parse_response(std::string_view bytes, const H1Limits& limits, Method to,
                       ResponseHead& out);

}  // namespace gw::http
