#include <utility>

#include "base/ensure.hpp"
#include "http/h2_client.hpp"
#include "http/h2_literals.hpp"

namespace gw::http {

H2ClientStream::H2ClientStream(H2ClientConnection& connection, const H1Limits& limits,
                               const net::PaceLimits& pace)
    : connection_(connection),
      limits_(limits),
      work_(connection.pool_.client),
      out_pace_(pace),
      came_(connection.loop()),
      left_(connection.loop()) {
    connection_.link(*this);
}

H2ClientStream::~H2ClientStream() {
    if (of_session_) {
        // Also where its connection has ended: what is not written yet is not to be.
        connection_.session_.reset(id_, H2Code::cancel);
        connection_.session_.forget(id_);
        connection_.kick();
    }
    connection_.unlink(*this);
}

// ---- the request
// ----------------------------------------------------------------------------------

Task<Result<void>> H2ClientStream::send(RequestHead& head, std::string_view body, bool last,
                                        const Headers* trailers) {
    ensure(id_ == 0, "a second request on one stream");
    if (const auto most = connection_.session_.peer_head_max();
        most && header_list_size(head) > *most) {
        // Services may end the connection, and all that others have on it.
        closed_ = true;
        error_ = Error{Errc::head_too_large, Fault::client, Retry::never,
                       "a larger head than the service takes"};
        co_return gone();
    }
    method_ = head.method;
    outgoing_ = {.bytes = body, .last = last, .trailers = trailers};
    const bool ends = last && body.empty() && trailers == nullptr;
    sent_all_ = ends;
    asked_ = connection_.loop().now();
    id_ = connection_.closing_ ? 0 : connection_.session_.request(head, *this, ends);
    if (id_ == 0) {
        closed_ = true;
        error_ = Error{Errc::closed, Fault::upstream, Retry::yes,
                       "the service's connection takes no more requests"};
        co_return gone();
    }
    of_session_ = true;
    connection_.kick();
    if (ends || (body.empty() && !last)) {
        co_return Result<void>{};
    }
    co_return co_await drain_out();
}

Task<Result<void>> H2ClientStream::send_body(std::string_view body, bool last,
                                             const Headers* trailers) {
    if (closed_) {
        co_return final_ ? Result<void>{} : gone();
    }
    outgoing_ = {.bytes = body, .last = last, .trailers = trailers};
    if (body.empty() && !last) {
        co_return Result<void>{};
    }
    connection_.session_.resume(id_);
    connection_.kick();
    co_return co_await drain_out();
}

// Until the part has been taken: it lies with whoever called. A service that has answered in full
// may read no further.
Task<Result<void>> H2ClientStream::drain_out() {
    net::Loop& loop = connection_.loop();
    while (!outgoing_.bytes.empty() || (outgoing_.last && !sent_all_)) {
        if (cancelled_ || (closed_ && !final_)) {
            outgoing_ = {};
            co_return gone();
        }
        if (closed_ || ended_) {
            break;
        }
        const Instant until = out_pace_.wait_until(loop.now());
        out_moved_ = 0;
        if (until > loop.now()) {
            co_await left_.until(until);
            out_pace_.moved(out_moved_, loop.now());
            if (out_moved_ > 0 || loop.now() < until) {
                continue;
            }
        }
        outgoing_ = {};
        reset(H2Code::cancel);
        connection_.doubt(asked_);
        co_return fail(Errc::timeout, Fault::upstream, "the service takes no bytes");
    }
    outgoing_ = {};
    co_return Result<void>{};
}

void H2ClientStream::taken(std::size_t bytes, bool last) {
    out_moved_ += bytes;
    outgoing_.bytes.remove_prefix(bytes);
    sent_all_ = sent_all_ || last;
    if (outgoing_.bytes.empty()) {
        left_.wake();
    }
}

// ---- the answer as it comes
// -----------------------------------------------------------------------

void H2ClientStream::fields_began(bool /*trailers*/) {
    in_trailers_ = final_;
    if (in_trailers_) {
        trailers_.emplace();
    } else {
        head_ready_ = false;  // an interim head that nobody has taken is passed over
        if (!work_->in) {
            work_->in = connection_.pool_.buffers.take();
        }
        reader_.emplace(work_->in.span(), method_, work_->head);
    }
}

bool H2ClientStream::field(std::string_view name, std::string_view value) {
    constexpr std::size_t kDecodedTimes = 8;  // more than the limit is read, to be passed over
    if (in_trailers_) {
        trailers_->take(name, value);
        return true;
    }
    reader_->take(name, value);
    return reader_->decoded_bytes() <= kDecodedTimes * limits_.head_max;
}

void H2ClientStream::fields_ended(bool last) {
    if (in_trailers_) {
        if (const char* const why = trailers_->defect(); why != nullptr) {
            break_off(why);
        } else if (!last) {
            break_off("fields in the middle of a body");
        } else {
            ended();
        }
        return;
    }
    reader_->end(last);
    if (const char* const why = reader_->defect(); why != nullptr) {
        break_off(why);
        return;
    }
    head_ready_ = true;
    final_ = work_->head.status >= 200;
    if (final_ && last) {
        ended();
    }
    came_.wake();
}

void H2ClientStream::data(std::string_view bytes) {
    received_total_ += bytes.size();
    connection_.session_.received(bytes.size());
    const ResponseHead& head = work_->head;
    const bool too_long = head.framing == Framing::none || (head.framing == Framing::length &&
                                                            received_total_ > head.content_length);
    if (!final_ || (too_long && !bytes.empty())) {
        break_off("a body where none belongs, or longer than its Content-Length");
    }
    if (error_ || cancelled_) {
        connection_.session_.passed_on_of_stream(id_, bytes.size());
        return;
    }
    work_->received.append(bytes);
    came_.wake();
}

void H2ClientStream::ended() {
    if (std::exchange(ended_, true)) {
        return;
    }
    if (!final_) {
        break_off("the service ended its answer before the head");
    } else if (work_->head.framing == Framing::length &&
               received_total_ != work_->head.content_length) {
        break_off("a body shorter than its Content-Length");
    }
    came_.wake();
    left_.wake();
}

void H2ClientStream::break_off(const char* detail) {
    if (!error_) {
        error_ = Error{Errc::malformed, Fault::upstream, Retry::never, detail};
    }
    reset(H2Code::protocol_error);
    came_.wake();
    left_.wake();
}

void H2ClientStream::closed(H2Code code) {
    closed_ = true;
    of_session_ = false;
    if (!ended_ && !error_) {
        // RFC 9113, 8.7: what was refused has not been looked at.
        error_ =
            code == H2Code::refused_stream && !final_
                ? Error{Errc::reset, Fault::upstream, Retry::yes,
                        "the service refused the stream unread"}
                : Error{Errc::reset, Fault::upstream, Retry::never, "the service reset the stream"};
    }
    came_.wake();
    left_.wake();
}

void H2ClientStream::lost() {
    if (closed_) {
        return;
    }
    closed_ = true;
    if (!ended_ && !error_) {
        error_ = Error{Errc::closed, Fault::upstream, final_ ? Retry::never : Retry::if_repeatable,
                       "the service closed the connection"};
    }
    came_.wake();
    left_.wake();
}

std::unexpected<Error> H2ClientStream::gone() const {
    if (cancelled_ && !error_) {
        return fail(Errc::cancelled, Fault::upstream, "the request was given up");
    }
    return std::unexpected(
        error_.value_or(Error{Errc::reset, Fault::upstream, Retry::never, "the stream is gone"}));
}

void H2ClientStream::reset(H2Code code) {
    if (id_ != 0 && !closed_ && !connection_.closing_) {
        connection_.session_.reset(id_, code);
        connection_.kick();
    }
}

void H2ClientStream::cancel() {
    if (!std::exchange(cancelled_, true)) {
        reset(H2Code::cancel);
        came_.wake();
        left_.wake();
    }
}

// ---- … and is asked for
// ---------------------------------------------------------------------------

Task<Result<const ResponseHead*>> H2ClientStream::read_head(Instant deadline) {
    net::Loop& loop = connection_.loop();
    while (true) {
        if (error_ || cancelled_) {
            co_return gone();
        }
        if (head_ready_) {
            head_ready_ = false;
            co_return &work_->head;
        }
        if (closed_) {
            co_return gone();
        }
        if (loop.now() >= deadline) {
            connection_.doubt(asked_);
            co_return fail(Errc::timeout, Fault::upstream, "the service did not answer in time");
        }
        co_await came_.until(deadline);
    }
}

void H2ClientStream::pass_on() {
    if (!work_->reading.empty()) {
        if (!closed_) {
            connection_.session_.passed_on_of_stream(id_, work_->reading.size());
            connection_.kick();
        }
        work_->reading.clear();
    }
}

// What was handed out has been passed on: the service may send as much again.
bool H2ClientStream::step(Result<BodyPart>& part) {
    pass_on();
    if (work_->received.empty() && error_) {
        part = std::unexpected(*error_);
        return true;
    }
    std::swap(work_->reading, work_->received);
    const bool last = ended_ && !error_;
    part = BodyPart{work_->reading, last};
    return !work_->reading.empty() || last;
}

Result<BodyPart> H2ClientStream::body_at_hand() {
    Result<BodyPart> part;
    if (step(part)) {
        return part;
    }
    return BodyPart{};
}

Task<Result<BodyPart>> H2ClientStream::read_body(Millis stall) {
    net::Loop& loop = connection_.loop();
    const Instant began = loop.now();
    const Instant deadline = began + stall;
    Result<BodyPart> part;
    while (true) {
        if (cancelled_) {
            co_return gone();
        }
        if (step(part)) {
            co_return part;
        }
        if (loop.now() >= deadline) {
            connection_.doubt(began);
            co_return fail(Errc::timeout, Fault::upstream, "nothing came from the service");
        }
        co_await came_.until(deadline);
    }
}

const Headers* H2ClientStream::trailers() const {
    return trailers_ && trailers_->fields().size() > 0 ? &trailers_->fields() : nullptr;
}

}  // namespace gw::http
