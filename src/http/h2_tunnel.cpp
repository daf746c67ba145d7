// A stream of HTTP/2 on which HTTP has ended: a WebSocket's bytes in DATA frames (RFC 8441, 5).
#include "base/ensure.hpp"
#include "http/h2_stream.hpp"

namespace gw::http {

Task<Result<void>> H2Stream::switch_protocols(ResponseHead& head, std::string_view first,
                                              std::unique_ptr<Takeover> next) {
    ensure(!responded_ && head.status == 200, "a CONNECT is agreed to with 200, once");
    if (closed_ || reset_) {
        co_return gone();
    }
    responded_ = true;
    connection_.session_.respond(id_, head, 0, false, false);
    connection_.kick();
    if (!first.empty()) {
        if (Result<void> sent = co_await send_body(first, false, nullptr); !sent) {
            co_return sent;
        }
    }
    next_taker_ = std::move(next);
    co_return Result<void>{};
}

// The body's bytes lie here, so that the buffer is not needed; the head's texts neither.
Task<Result<std::string_view>> H2Stream::read(net::Buffer& /*buffer*/, Instant deadline) {
    constexpr std::chrono::hours kLookAgain{1};  // waiting without end, in pieces
    net::Loop& loop = connection_.loop();
    work_->text.release();
    read_cancelled_ = false;
    while (true) {
        if (read_cancelled_) {
            co_return fail(Errc::cancelled, Fault::client, "nobody reads any more");
        }
        if (body_error_) {
            co_return std::unexpected(*body_error_);
        }
        if (cancelled() && !(closed_ && request_ended_)) {
            co_return gone();
        }
        pass_on();
        if (!work_->received.empty()) {
            hand_out();
            co_return std::string_view(work_->reading);
        }
        if (request_ended_) {
            co_return std::string_view{};
        }
        if (loop.now() >= deadline) {
            co_return fail(Errc::timeout, Fault::client, "nothing more came");
        }
        co_await body_came_.until(std::min(deadline, loop.now() + kLookAgain));
    }
}

Task<Result<void>> H2Stream::write(std::string_view bytes, net::PaceLimits /*pace*/) {
    return send_body(bytes, false, nullptr);
}

void H2Stream::end() {
    if (!closed_ && !reset_ && !complete_) {
        outgoing_ = {.bytes = {}, .last = true, .trailers = nullptr};
        connection_.session_.resume(id_);
        connection_.kick();
    }
}

}  // namespace gw::http
