// Answers on their way to the client: as they are, or in a content coding where the stage
// `compression` has given the exchange a coder. Whoever sends an answer sends it by these two.
#pragma once

#include <memory>
#include <utility>

#include "gateway/exchange.hpp"
#include "http/content_coder.hpp"
#include "net/buffers.hpp"

namespace gw::gateway {

// Codes one answer's body. It holds one buffer, whatever the body's size, and reads on only when
// the client has taken what it made. Each part of the body leaves as it comes: who waits for a slow
// service gets what that has sent so far. Without a last part the coding is never ended.
class Compression {
  public:
    Compression(std::unique_ptr<http::ContentCoder> coder, net::Buffer out)
        : coder_(std::move(coder)), out_(std::move(out)) {}

    net::Task<Result<void>> send(Exchange& x, std::string_view body, bool last,
                                 const http::Headers* trailers);
    net::Task<Result<void>> send_body(Exchange& x, std::string_view body, bool last,
                                      const http::Headers* trailers);

  private:
    // The next slice of the body goes into the coder. True: it is the end of the body.
    bool feed(std::string_view& body, bool last);
    // The next bytes of the coding, in our buffer.
    struct Coded {
        std::string_view bytes;
        bool all = false;
    };
    Coded next(bool last);
    // What the coder holds goes out.
    net::Task<Result<void>> drain(Exchange& x, bool last, const http::Headers* trailers);

    std::unique_ptr<http::ContentCoder> coder_;  // null: the end is out
    net::Buffer out_;
    std::size_t since_turn_ = 0;  // bytes coded since others had their turn
};

// x.memory.response, with the first bytes of its body: as http::Stream::send().
inline net::Task<Result<void>> send_answer(Exchange& x, std::string_view body, bool last,
                                           const http::Headers* trailers) {
    if (x.compression != nullptr) [[unlikely]] {
        return x.compression->send(x, body, last, trailers);
    }
    return x.stream.send(x.memory.response, body, last, trailers);
}
// As http::Stream::send_body().
inline net::Task<Result<void>> send_answer_body(Exchange& x, std::string_view body, bool last,
                                                const http::Headers* trailers) {
    if (x.compression != nullptr) [[unlikely]] {
        return x.compression->send_body(x, body, last, trailers);
    }
    return x.stream.send_body(body, last, trailers);
}

}  // namespace gw::gateway
