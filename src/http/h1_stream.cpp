#include "http/h1_stream.hpp"

#include "http/h1_part.hpp"
#include "http/h1_writer.hpp"

namespace gw::http {

H1Stream::H1Stream(H1Connection& connection, H1Work& work, std::string_view at_hand,
                   const H1Refusal* refusal, Instant began)
    : connection_(connection),
      work_(work),
      pending_(at_hand),
      refusal_(refusal),
      began_(began),
      pace_(connection.shared_.limits.pace) {
    continued_ = !work.head.expect_continue || work.head.version_minor == 0;
    if (!work.head.keep_alive) {
        connection.closing_ = true;
    }
}

bool H1Stream::step(Result<BodyPart>& part) {
    if (body_error_) {
        part = std::unexpected(*body_error_);
        return true;
    }
    const H1Body::Step run = take_run(work_.body, pending_);
    bytes_in_ += run.data.size();
    if (run.refused || bytes_in_ > body_max_) {
        connection_.closing_ = true;
        part = run.refused ? fail(Errc::malformed, Fault::client, run.refusal.detail)
                           : fail(Errc::too_large, Fault::client,
                                  "the request body is larger than this route accepts");
        body_error_ = part.error();
        return true;
    }
    part = BodyPart{run.data, run.end};
    return !run.data.empty() || run.end;
}

BodyPart H1Stream::body_at_hand() {
    Result<BodyPart> part;
    if (refusal_ == nullptr && step(part) && part) {
        return *part;
    }
    // A broken or oversized body is reported where bodies are read and errors are expected.
    return {{}, work_.body.done() && !body_error_};
}

Task<Result<BodyPart>> H1Stream::read_body() {
    Result<BodyPart> part;
    read_cancelled_ = false;
    while (true) {
        // Also when the cancellation came between a read and its turn to go on: what was read stays
        // for the next call.
        if (read_cancelled_) {
            co_return fail(Errc::cancelled, Fault::client, "nobody reads the request body");
        }
        if (step(part)) {
            co_return part;
        }
        if (!continued_ && !responded_) {
            continued_ = true;
            const Result<void> sent = co_await send_continue();
            if (!sent) {
                co_return std::unexpected(sent.error());
            }
            continue;
        }
        if (!work_.more) {
            work_.more = connection_.shared_.pool.buffers.take();
        }
        // What is left of a chunk-size line that was cut by the end of the buffer moves to the
        // front.
        const std::size_t kept = move_to_front(work_.more, pending_);
        if (kept == work_.more.size()) {
            co_return fail(Errc::malformed, Fault::client, "a chunk header is too long");
        }
        net::Loop& loop = connection_.shared_.loop;
        const Instant until = pace_.wait_until(loop.now());
        const Result<std::size_t> got =
            co_await connection_.stream_.read_some(work_.more.span().subspan(kept), until);
        if (!got) {
            co_return std::unexpected(got.error());
        }
        if (*got == 0) {
            co_return fail(Errc::reset, Fault::client, "the request body was cut short");
        }
        pace_.moved(*got, loop.now());
        pending_ = {work_.more.data(), kept + *got};
    }
}

Task<Result<void>> H1Stream::send_continue() {
    continuing_ = true;
    const Result<void> sent = co_await connection_.stream_.write("HTTP/1.1 100 Continue\r\n\r\n",
                                                                 connection_.shared_.limits.pace);
    continuing_ = false;
    if (after_continue_) {
        connection_.shared_.loop.resume_soon(std::exchange(after_continue_, nullptr));
    }
    co_return sent;
}

Task<Result<void>> H1Stream::send(ResponseHead& head, std::string_view body, bool last,
                                  const Headers* trailers) {
    ensure(!responded_, "a second final response on one request");
    co_await continue_sent();
    const RequestHead& request = work_.head;
    no_body_out_ = request.method == Method::head || head.status == 204 || head.status == 304;
    // The rest of the request's body would have to be read before the next request: who is answered
    // completely before it is there sends it to nobody, so the connection ends. An answer that goes
    // on may be waiting for that rest.
    if (last && !work_.body.done()) {
        // What is here already is thrown away for free.
        Result<BodyPart> rest;
        while (!work_.body.done() && step(rest) && rest) {
        }
        if (!work_.body.done()) {
            connection_.closing_ = true;
        }
    }
    const bool open_end =
        (head.framing == Framing::chunked || head.framing == Framing::until_close) && !no_body_out_;
    chunked_out_ = open_end && request.version_minor >= 1;
    ends_by_close_ = open_end && request.version_minor == 0;
    if (ends_by_close_) {
        connection_.closing_ = true;  // the only way to show an HTTP/1.0 client the end
    }
    if (!work_.out) {
        work_.out = connection_.shared_.pool.buffers.take();
    }
    HeadBuffer out(work_.out.span());
    write_response_head(out, head,
                        {.request_method = request.method,
                         .request_version_minor = request.version_minor,
                         .close = connection_.closing_});
    if (no_body_out_) {
        body = {};
        last = true;
    }
    const FramedPart part = frame_part(out, chunked_out_, body, last, trailers);
    if (out.overflowed()) {
        // Nothing has left: there may be another answer.
        co_return fail(Errc::too_large, Fault::upstream, "the response head is too large");
    }
    responded_ = true;
    bytes_out_ += body.size();
    const Result<void> sent = co_await connection_.stream_.write(part.before, part.body, part.after,
                                                                 connection_.shared_.limits.pace);
    if (!sent) {
        aborted_ = true;
        connection_.closing_ = true;
        co_return std::unexpected(sent.error());
    }
    complete_ = last;
    co_return sent;
}

Task<Result<void>> H1Stream::send_body(std::string_view body, bool last, const Headers* trailers) {
    if (no_body_out_) {
        complete_ = complete_ || last;
        co_return Result<void>{};
    }
    HeadBuffer out(work_.out.span());
    const FramedPart part = frame_part(out, chunked_out_, body, last, trailers);
    if (out.overflowed()) {
        aborted_ = true;
        co_return fail(Errc::too_large, Fault::upstream, "the trailers are too large");
    }
    bytes_out_ += body.size();
    const Result<void> sent = co_await connection_.stream_.write(part.before, part.body, part.after,
                                                                 connection_.shared_.limits.pace);
    if (!sent) {
        aborted_ = true;
        co_return std::unexpected(sent.error());
    }
    complete_ = complete_ || last;
    co_return sent;
}

Task<Result<void>> H1Stream::switch_protocols(ResponseHead& head, std::string_view first,
                                              std::unique_ptr<Takeover> next) {
    ensure(!responded_, "a second final response on one request");
    if (!work_.out) {
        work_.out = connection_.shared_.pool.buffers.take();
    }
    HeadBuffer out(work_.out.span());
    write_response_head(out, head,
                        {.request_method = work_.head.method,
                         .request_version_minor = work_.head.version_minor,
                         .close = false});
    const FramedPart part = frame_part(out, false, first, false, nullptr);
    if (out.overflowed()) {
        co_return fail(Errc::too_large, Fault::upstream, "the response head is too large");
    }
    responded_ = true;
    connection_.closing_ = true;
    const Result<void> sent = co_await connection_.stream_.write(part.before, part.body, part.after,
                                                                 connection_.shared_.limits.pace);
    if (!sent || aborted_) {
        aborted_ = true;
        co_return sent ? fail(Errc::cancelled, Fault::self, "the request was cut") : sent;
    }
    next_ = std::move(next);
    co_return sent;
}

Task<Result<void>> H1Stream::send_interim(ResponseHead& head) {
    if (work_.head.version_minor == 0 || responded_) {
        co_return Result<void>{};
    }
    if (!work_.out) {
        work_.out = connection_.shared_.pool.buffers.take();
    }
    HeadBuffer out(work_.out.span());
    write_response_head(out, head,
                        {.request_method = work_.head.method,
                         .request_version_minor = work_.head.version_minor,
                         .close = false});
    if (out.overflowed()) {
        co_return Result<void>{};
    }
    // Written down before the wait: over HTTP/2 a service's next head takes the place of this one.
    co_await continue_sent();
    co_return co_await connection_.stream_.write(out.view(), connection_.shared_.limits.pace);
}

}  // namespace gw::http
