#include "http/h2_stream.hpp"

#include <utility>

namespace gw::http {
namespace {

// Whoever sends this much more than a head may hold is not asking for anything (RFC 7541, 7.3).
constexpr std::size_t kDecodedTimes = 8;

}  // namespace

H2Stream::H2Stream(H2Connection& connection, std::int32_t id)
    : connection_(connection),
      id_(id),
      work_(connection.server_.work_),
      began_(connection.loop().now()),
      in_pace_(connection.server_.shared_.limits.pace),
      out_pace_(connection.server_.shared_.limits.pace),
      body_came_(connection.loop()),
      body_left_(connection.loop()) {
    work_->text = connection.server_.shared_.pool.buffers.take();
    connection_.link(*this);
    ++connection_.open_;
}

H2Stream::~H2Stream() {
    connection_.session_.forget(id_);
    leave();
    const std::size_t unread = work_->received.size() + owed_;
    if (unread > 0) {
        connection_.session_.passed_on(0, unread);
    }
    connection_.unlink(*this);
}

// ---- the request as it comes
// ----------------------------------------------------------------------

void H2Stream::fields_began(bool trailers) {
    in_trailers_ = trailers;
    if (trailers) {
        if (work_->trailers == nullptr) {
            work_->trailers = std::make_unique<H2Trailers>();
        }
        return;
    }
    reader_.emplace(connection_.server_.shared_.limits.message, work_->text.span(), work_->cookies,
                    work_->head);
    if (connection_.extended_connect_) {
        reader_->allow_extended_connect();
    }
}

bool H2Stream::field(std::string_view name, std::string_view value) {
    if (in_trailers_) {
        work_->trailers->take(name, value);
        return work_->trailers->decoded_bytes() <= kDecodedTimes * H2Trailers::kMax;
    }
    reader_->take(name, value);
    return reader_->decoded_bytes() <=
           kDecodedTimes * connection_.server_.shared_.limits.message.head_max;
}

void H2Stream::fields_ended(bool last) {
    if (in_trailers_) {
        if (const char* const why = work_->trailers->defect(); why != nullptr) {
            break_off(why);
        } else if (!last) {
            break_off("fields in the middle of a body");
        } else {
            ended();
        }
        return;
    }
    reader_->end(last);
    malformed_ = reader_->malformed();
    if (const H1Refusal* const why = reader_->defect(); why != nullptr) {
        defect_ = *why;
    }
    reader_.reset();
    continued_ = !work_->head.expect_continue;
    request_ended_ = last;
    connection_.head_began_ = kNever;
    connection_.fresh_.push_back(std::move(connection_.arriving_));
}

void H2Stream::data(std::string_view bytes) {
    continued_ = true;  // who sends already waits for no leave (RFC 9110, 10.1.1)
    received_ += bytes.size();
    in_moved_ += bytes.size();
    const RequestHead& head = work_->head;
    if (head.framing == Framing::length && received_ > head.content_length) {
        break_off("a body longer than its Content-Length");
    }
    if (body_error_ || defect_) {
        connection_.session_.passed_on(id_, bytes.size());  // nobody will ask for it
        return;
    }
    work_->received.append(bytes);
    body_came_.wake();
}

void H2Stream::ended() {
    if (std::exchange(request_ended_, true)) {
        return;
    }
    leave_if_done();
    const RequestHead& head = work_->head;
    if (head.framing == Framing::length && received_ != head.content_length) {
        break_off("a body shorter than its Content-Length");
    }
    body_came_.wake();
}

void H2Stream::break_off(const char* detail) {
    malformed_ = true;
    if (!body_error_) {
        body_error_ = Error{Errc::malformed, Fault::client, Retry::never, detail};
    }
    body_came_.wake();
}

// It counts no longer against what the client may have open at once.
void H2Stream::leave() {
    if (!std::exchange(left_, true)) {
        --connection_.open_;
    }
}

void H2Stream::leave_if_done() {
    if (end_sent_ && request_ended_) {
        leave();
    }
}

void H2Stream::closed(H2Code /*code*/) {
    closed_ = true;
    leave();
    // Whoever reset it, it was for what the client did.
    if (!complete_ && !reset_) {
        connection_.count_reset();
    }
    if (!complete_ || !request_ended_) {
        body_came_.wake();
        if (watcher_ != nullptr) {
            watcher_->peer_left(false);
        }
    }
    body_left_.wake();
}

void H2Stream::watch_peer(net::Stream::Watcher* watcher) {
    watcher_ = watcher;
    if (watcher_ != nullptr && closed_ && !complete_) {
        watcher_->peer_left(false);
    }
}

void H2Stream::begin() {
    // The body that came with the head may have been found wrong already.
    if (malformed_ && !defect_) {
        defect_ = H1Refusal{.status = 400, .detail = body_error_->detail};
    }
}

// ---- its body
// ----------------------------------------------------------------------------------------

const Headers* H2Stream::trailers() const {
    return work_->trailers != nullptr && work_->trailers->fields().size() > 0
               ? &work_->trailers->fields()
               : nullptr;
}

// What was handed out has gone where it was to go: the client may send as much again. The bytes
// stay until others are handed out: a service that fails before may be sent them again.
void H2Stream::pass_on() {
    if (const std::size_t bytes = std::exchange(owed_, 0); bytes > 0) {
        connection_.session_.passed_on(closed_ ? 0 : id_, bytes);
        connection_.kick();
    }
}

void H2Stream::hand_out() {
    work_->reading.clear();
    std::swap(work_->reading, work_->received);
    if (const std::size_t held = held_back(); held > 0) {
        work_->received.assign(work_->reading, work_->reading.size() - held);
        work_->reading.resize(work_->reading.size() - held);
    }
    owed_ = work_->reading.size();
}

// RFC 9113, 8.1.1: what follows may still show that this is no request, and who has been given all
// the bytes that were announced takes it for one.
std::size_t H2Stream::held_back() const {
    return work_->head.framing == Framing::length && !request_ended_ &&
                   received_ == work_->head.content_length && received_ > 0
               ? 1
               : 0;
}

bool H2Stream::step(Result<BodyPart>& part) {
    if (body_error_) {
        part = std::unexpected(*body_error_);
        return true;
    }
    pass_on();
    if (work_->received.size() == held_back() && !request_ended_) {
        return false;
    }
    hand_out();
    bytes_in_ += work_->reading.size();
    if (bytes_in_ > body_max_) {
        body_error_ = Error{Errc::too_large, Fault::client, Retry::never,
                            "the request body is larger than this route accepts"};
        part = std::unexpected(*body_error_);
        return true;
    }
    part = BodyPart{work_->reading, request_ended_};
    return true;
}

BodyPart H2Stream::body_at_hand() {
    Result<BodyPart> part;
    if (!defect_ && step(part) && part) {
        return *part;
    }
    // A broken or oversized body is reported where bodies are read and errors are expected.
    return {{}, defect_.has_value()};
}

std::unexpected<Error> H2Stream::gone() const {
    return cut_ ? fail(Errc::cancelled, Fault::client, "the request was cut")
                : fail(Errc::reset, Fault::client, "the stream was reset");
}

Task<Result<BodyPart>> H2Stream::read_body() {
    Result<BodyPart> part;
    read_cancelled_ = false;
    net::Loop& loop = connection_.loop();
    while (true) {
        if (read_cancelled_) {
            co_return fail(Errc::cancelled, Fault::client, "nobody reads the request body");
        }
        if (cut_ || (closed_ && !request_ended_)) {
            co_return gone();
        }
        if (step(part)) {
            co_return part;
        }
        if (!continued_ && !responded_) {
            continued_ = true;
            ResponseHead head;
            head.status = 100;
            connection_.session_.interim(id_, head);
            connection_.kick();
        }
        const Instant until =
            pause_max_ ? loop.now() + *pause_max_ : in_pace_.wait_until(loop.now());
        in_moved_ = 0;
        if (until <= loop.now()) {
            co_return fail(Errc::timeout, Fault::client, "the request body comes too slowly");
        }
        co_await body_came_.until(until);
        if (in_moved_ == 0 && loop.now() >= until) {
            co_return fail(Errc::timeout, Fault::client, "the request body comes too slowly");
        }
        if (!pause_max_) {
            in_pace_.moved(in_moved_, loop.now());
        }
    }
}

void H2Stream::cancel_read() {
    read_cancelled_ = true;
    body_came_.wake();
}

}  // namespace gw::http
