// How a request over HTTP/2 is answered.
#include <utility>

#include "base/ensure.hpp"
#include "http/h2_stream.hpp"

namespace gw::http {

Task<Result<void>> H2Stream::send(ResponseHead& head, std::string_view body, bool last,
                                  const Headers* trailers) {
    ensure(!responded_, "a second final response on one request");
    if (malformed_) {
        // RFC 9113, 8.1.1: the refusal is for our log, the client's stream is reset.
        responded_ = true;
        reset(H2Code::protocol_error);
        co_return Result<void>{};
    }
    if (closed_ || reset_) {
        co_return gone();
    }
    no_body_out_ = work_->head.method == Method::head || head.status == 204 || head.status == 304;
    const bool tell_length =
        head.status != 204 &&
        (no_body_out_ ? head.framing == Framing::length || head.content_length > 0 ||
                            head.headers.has(Known::content_length)
                      : head.framing == Framing::length || head.framing == Framing::none);
    if (no_body_out_) {
        body = {};
        last = true;
        trailers = nullptr;
    }
    const bool ends = last && body.empty() && trailers == nullptr;
    responded_ = true;
    connection_.session_.respond(
        id_, head, head.framing == Framing::none && !no_body_out_ ? 0 : head.content_length,
        tell_length, ends);
    if (ends) {
        complete_ = true;
        connection_.kick();
        co_return Result<void>{};
    }
    bytes_out_ += body.size();
    outgoing_ = {.bytes = body, .last = last, .trailers = trailers};
    if (body.empty() && !last) {
        connection_.kick();
        co_return Result<void>{};
    }
    co_return co_await drain_out();
}

Task<Result<void>> H2Stream::send_body(std::string_view body, bool last, const Headers* trailers) {
    if (no_body_out_) {
        co_return Result<void>{};
    }
    if (closed_ || reset_) {
        co_return gone();
    }
    bytes_out_ += body.size();
    outgoing_ = {.bytes = body, .last = last, .trailers = trailers};
    if (body.empty() && !last) {
        co_return Result<void>{};
    }
    connection_.session_.resume(id_);
    co_return co_await drain_out();
}

// Until the part has been taken: it lies with whoever called.
Task<Result<void>> H2Stream::drain_out() {
    net::Loop& loop = connection_.loop();
    connection_.kick();
    while (!outgoing_.bytes.empty() || (outgoing_.last && !complete_)) {
        if (closed_ || reset_) {
            outgoing_ = {};
            co_return gone();
        }
        const Instant until = out_pace_.wait_until(loop.now());
        out_moved_ = 0;
        if (until > loop.now()) {
            co_await body_left_.until(until);
            out_pace_.moved(out_moved_, loop.now());
            if (out_moved_ > 0 || loop.now() < until) {
                continue;
            }
        }
        outgoing_ = {};
        reset(H2Code::cancel);
        co_return fail(Errc::timeout, Fault::client, "the client takes no bytes");
    }
    co_return Result<void>{};
}

void H2Stream::taken(std::size_t bytes, bool last) {
    out_moved_ += bytes;
    outgoing_.bytes.remove_prefix(bytes);
    connection_.flood_.sent_data(bytes);
    complete_ = complete_ || last;
    if (outgoing_.bytes.empty()) {
        body_left_.wake();
    }
}

void H2Stream::end_sent() {
    end_sent_ = true;
    leave_if_done();
    body_left_.wake();
}

Task<Result<void>> H2Stream::send_interim(ResponseHead& head) {
    if (!responded_ && !closed_ && !malformed_) {
        connection_.session_.interim(id_, head);
        connection_.kick();
    }
    co_return Result<void>{};
}

void H2Stream::reset(H2Code code) {
    if (!closed_ && !std::exchange(reset_, true)) {
        connection_.session_.reset(id_, code);
        connection_.kick();
        if (malformed_) {
            connection_.count_reset();
        }
    }
}

void H2Stream::abort() {
    reset(malformed_ ? H2Code::protocol_error : H2Code::internal_error);
}

void H2Stream::cut() {
    cut_ = true;
    reset(H2Code::cancel);
    body_came_.wake();
    body_left_.wake();
    if (watcher_ != nullptr) {
        watcher_->peer_left(false);
    }
}

Task<void> H2Stream::settle() {
    if (!closed_ && !reset_ && !complete_ && !outgoing_.last) {
        abort();
    }
    // Until it is sent, for what waits to be sent is held: a client that takes no answers may ask
    // for no more. Besides, a reset overtakes the answer, so that one which was complete before its
    // request goes first (RFC 9113, 8.1).
    // The connection's own pace sees to it that this ends.
    while (!closed_ && !reset_ && !end_sent_) {
        co_await body_left_.until(connection_.loop().now() +
                                  connection_.server_.shared_.limits.pace.stall);
    }
    if (!request_ended_) {
        reset(H2Code::no_error);
    }
}

}  // namespace gw::http
