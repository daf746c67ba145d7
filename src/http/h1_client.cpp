#include "http/h1_client.hpp"

#include <charconv>

#include "base/text.hpp"
#include "http/h1_part.hpp"
#include "http/h1_writer.hpp"

namespace gw::http {
namespace {

// Of "timeout=5, max=100". Zero: nothing is said, or nothing sensible.
std::chrono::seconds keep_alive_timeout(std::string_view value) {
    constexpr std::string_view kName = "timeout=";
    while (!value.empty()) {
        const std::size_t comma = value.find(',');
        const std::string_view each = trim_ows(value.substr(0, comma));
        value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
        if (each.size() <= kName.size() ||
            !equal_ignore_case(each.substr(0, kName.size()), kName)) {
            continue;
        }
        std::uint32_t seconds = 0;
        const auto [end, error] =
            std::from_chars(each.data() + kName.size(), each.data() + each.size(), seconds);
        if (error == std::errc{} && end == each.data() + each.size() && seconds <= 86'400) {
            return std::chrono::seconds(seconds);
        }
    }
    return std::chrono::seconds::zero();
}

}  // namespace

H1Client::H1Client(net::Stream& stream, H1Pool& pool, const H1Limits& limits,
                   const net::PaceLimits& pace)
    : stream_(stream),
      pool_(pool),
      limits_(limits),
      pace_(pace),
      work_(pool.client),
      written_before_(stream.written()) {
    work_->body = H1Body();
}

std::unexpected<Error> H1Client::broken(Errc code, const char* detail) {
    failed_ = true;
    return fail(code, Fault::upstream, detail);
}

Task<Result<void>> H1Client::send(RequestHead& head, std::string_view body, bool last,
                                  const Headers* trailers) {
    method_ = head.method;
    chunked_out_ = head.framing == Framing::chunked;
    work_->out = pool_.buffers.take();
    HeadBuffer out(work_->out.span());
    write_request_head(out, head);
    const FramedPart part = frame_part(out, chunked_out_, body, last, trailers);
    if (out.overflowed()) {
        failed_ = true;
        co_return fail(Errc::head_too_large, Fault::client,
                       "the request head is too large to forward");
    }
    sent_all_ = last;
    Result<void> sent = co_await stream_.write(part.before, part.body, part.after, pace_);
    if (last) {
        work_->out.release();  // the answer may take its time
    }
    co_return written(std::move(sent));
}

Task<Result<void>> H1Client::send_body(std::string_view body, bool last, const Headers* trailers) {
    HeadBuffer out(work_->out.span());
    const FramedPart part = frame_part(out, chunked_out_, body, last, trailers);
    if (out.overflowed()) {
        failed_ = true;
        co_return fail(Errc::too_large, Fault::client, "the trailers are too large to forward");
    }
    sent_all_ = last;
    co_return written(co_await stream_.write(part.before, part.body, part.after, pace_));
}

// Of a request that has not left at all nothing was read, whatever it is. Once a byte has, nobody
// can say so (RFC 9112, 9.3.1): acknowledgements come late, and a reset need not carry one. Then it
// depends on whether twice is the same as once. Of what has a byte of its answer all was read.
Retry H1Client::retry_after(Retry said) const {
    if (said == Retry::never || got_any_) {
        return Retry::never;
    }
    return stream_.written() == written_before_ ? Retry::yes : Retry::if_repeatable;
}

Result<void> H1Client::written(Result<void> result) {
    if (!result) {
        failed_ = true;
        result.error().retry = retry_after(result.error().retry);
    }
    return result;
}

Task<Result<const ResponseHead*>> H1Client::read_head(Instant deadline) {
    H1ClientWork& work = *work_;
    while (true) {
        if (!pending_.empty()) {
            const H1Parse parse = parse_response(pending_, limits_, method_, work.head);
            if (parse.state == H1Parse::State::refused) {
                co_return broken(Errc::malformed, parse.refusal.detail);
            }
            if (parse.state == H1Parse::State::complete) {
                pending_.remove_prefix(parse.consumed);
                if (work.head.status >= 200) {
                    got_head_ = true;
                    keep_alive_ = keep_alive_timeout(work.head.headers.value(Known::keep_alive));
                    work.body = H1Body(work.head.framing, work.head.content_length);
                }
                co_return &work.head;
            }
            if (pending_.size() == work.in.size()) {
                co_return broken(Errc::malformed, "the response head is too large");
            }
        }
        const std::size_t kept = move_to_front(work.in, pending_);
        const Result<std::size_t> got =
            work.in ? co_await stream_.read_some(work.in.span().subspan(kept), deadline)
                    : co_await stream_.read_some(work.in, pool_.buffers, deadline);
        if (!got || *got == 0) {
            failed_ = true;
            Error error = got ? Error{Errc::closed, Fault::upstream, Retry::if_repeatable,
                                      "the service closed without an answer"}
                              : got.error();
            error.retry = retry_after(error.retry);
            co_return std::unexpected(error);
        }
        got_any_ = true;
        pending_ = {work.in.data(), kept + *got};
    }
}

bool H1Client::step(Result<BodyPart>& part) {
    const H1Body::Step run = take_run(work_->body, pending_);
    if (run.refused) {
        part = broken(Errc::malformed, run.refusal.detail);
        return true;
    }
    part = BodyPart{run.data, run.end};
    return !run.data.empty() || run.end;
}

Result<BodyPart> H1Client::body_at_hand() {
    Result<BodyPart> part;
    if (step(part)) {
        return part;
    }
    return BodyPart{{}, work_->body.done()};
}

Task<Result<BodyPart>> H1Client::read_body(Millis stall) {
    H1ClientWork& work = *work_;
    Result<BodyPart> part;
    while (!step(part)) {
        const std::size_t kept = move_to_front(work.in, pending_);
        if (kept == work.in.size()) {
            co_return broken(Errc::malformed, "a chunk header is too long");
        }
        const Result<std::size_t> got =
            co_await stream_.read_some(work.in.span().subspan(kept), stream_.loop().now() + stall);
        if (!got) {
            failed_ = true;
            co_return std::unexpected(got.error());
        }
        if (*got == 0) {
            if (work.body.finish_at_close()) {
                failed_ = true;  // a complete answer, but no connection any more
                co_return BodyPart{{}, true};
            }
            co_return broken(Errc::reset, "the response body was cut short");
        }
        pending_ = {work.in.data(), kept + *got};
    }
    co_return part;
}

bool H1Client::reusable() const {
    return got_head_ && sent_all_ && !failed_ && work_->body.done() && work_->head.keep_alive &&
           pending_.empty() && !stream_.cancelled();
}

}  // namespace gw::http
