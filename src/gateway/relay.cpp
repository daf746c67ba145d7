#include "gateway/relay.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "gateway/compression.hpp"
#include "gateway/event_stream.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

using upstream::Breaker;

constexpr int kInterimHeadsMax = 32;  // more 1xx heads than this before an answer is a flood

// The longest pause between two parts of this answer.
Millis pause_max(const Route& route, const http::Headers& headers) {
    return is_event_stream(headers) ? route.stream_idle_timeout : route.timeout;
}

}  // namespace

// One coroutine and not one for each of its parts: this is the way of nearly every request.
net::Task<Result<void>> Relay::transfer() {
    Result<void> sent{};
    if (answer_ == nullptr) {
        sent = co_await service_.send(x_.memory.request, first_.bytes, first_.last,
                                      first_.last ? x_.stream.trailers() : nullptr);
        if (!sent) {
            co_return sent;
        }
    }
    if (!first_.last) {
        uploaded_ = x_.shard.loop().now();
        uploading_ = true;
        scope_.spawn(upload());
    }

    const http::ResponseHead* head = answer_;
    std::optional<Verdict> withheld;  // by what an interim answer says already
    for (int interim = 0; head == nullptr;) {
        Result<const http::ResponseHead*> got = co_await service_.read_head(head_deadline());
        if (!got) {
            if (got.error().code == Errc::timeout && x_.shard.loop().now() < head_deadline()) {
                continue;
            }
            co_return std::unexpected(got.error());
        }
        if ((*got)->status == 101) {
            co_return fail(Errc::malformed, Fault::upstream,
                           "the service switched protocols unasked");
        }
        if ((*got)->status >= 200) {
            head = *got;
        } else if (++interim > kInterimHeadsMax) {
            co_return fail(Errc::malformed, Fault::upstream,
                           "the service sent too many interim answers");
        } else if (const Verdict verdict = withheld ? *withheld : judge(x_, **got);
                   !verdict.goes_on()) {
            withheld = verdict;
        } else if ((*got)->status != 100 && build_interim_head(x_, **got)) {
            // 100 answers the Expect that we did not pass on.
            sent = co_await x_.stream.send_interim(x_.memory.response);
            if (!sent && !x_.idempotency) {
                co_return sent;
            }
        }
    }

    if (head->status < 500) {
        call_.answered(x_.shard.loop().now(), uploading_ ? x_.shard.loop().now() : uploaded_);
    } else {
        call_.tell(Breaker::Result::failure, x_.shard.loop().now());
        if (pass_over(*head)) {
            co_return fail(Errc::cancelled, Fault::self, "it is sent again");
        }
    }
    if (const Verdict verdict = withheld ? *withheld : judge(x_, *head); !verdict.goes_on()) {
        x_.withheld = verdict;
        if (x_.idempotency) {
            x_.idempotency->withheld(head->status);
        }
        if (x_.webhook != nullptr) {
            x_.webhook->answered(head->status);
        }
        x_.upstream_ended = x_.shard.loop().now();
        co_return fail(Errc::cancelled, Fault::self, "the answer is withheld");
    }
    Result<http::BodyPart> part = service_.body_at_hand();
    if (!part) {
        co_return std::unexpected(part.error());
    }
    x_.upstream_ended = x_.shard.loop().now();
    if (x_.cache && part->last) [[unlikely]] {
        x_.cache->has_all();
    }
    if (!build_response_head(x_, *head)) {
        co_return fail(Errc::too_large, Fault::upstream, "the service sent too many header fields");
    }
    x_.outcome.status = x_.memory.response.status;
    on_response(x_);
    const int status = head->status;  // as the service has said it
    const http::Headers* trailers = part->last ? service_.trailers() : nullptr;
    if (x_.cache) [[unlikely]] {
        x_.cache->take_body(x_, *part);
        if (x_.cache->unchanged()) {
            part->bytes = {};
            trailers = nullptr;
        }
    }
    if (x_.idempotency) [[unlikely]] {
        x_.idempotency->take_body(*part);
    }
    sent = co_await send_answer(x_, part->bytes, part->last, trailers);
    Millis pause{0};
    if (!part->last) {
        pause = pause_max(*x_.route, head->headers);
        if (is_event_stream(head->headers)) {
            call_.tell(Breaker::Result::success, x_.shard.loop().now());
            // The service has done its work; who listens to events for hours takes nobody's turn.
            x_.permit.give_back();
            x_.stream.allow_pauses(x_.route->stream_idle_timeout);
        }
    }
    while ((sent || wanted_without_client()) && !part->last) {
        if (x_.idempotency) [[unlikely]] {
            x_.idempotency->renew(x_.shard.loop().now(), pause);
        }
        part = co_await service_.read_body(x_.part ? until_deadline(pause) : pause);
        if (!part) {
            co_return std::unexpected(part.error());
        }
        if (x_.cache) [[unlikely]] {
            x_.cache->take_body(x_, *part);
        }
        if (x_.idempotency) [[unlikely]] {
            x_.idempotency->take_body(*part);
        }
        if (!sent) {
            continue;
        }
        sent = co_await send_answer_body(x_, part->bytes, part->last,
                                         part->last ? service_.trailers() : nullptr);
        call_.settle(x_.shard.loop().now());
    }
    if (sent) {
        x_.generation.service_series[x_.service_index]->answered(
            status, x_.upstream_ended - *x_.upstream_began);
    }
    co_return sent;
}

// A part of an answer is of use only as a whole, and in time: what comes late is the service's
// timeout, as a head that comes late is.
Millis Relay::until_deadline(Millis pause) const {
    const auto left = std::chrono::ceil<Millis>(x_.deadline - x_.shard.loop().now());
    return std::clamp(left, Millis{0}, pause);
}

bool Relay::wanted_without_client() const {
    return x_.idempotency && x_.idempotency->outlives_client() && x_.cut_why == nullptr;
}

bool Relay::pass_over(const http::ResponseHead& head) {
    if (!resend_.after(head, all_here_)) {
        return false;
    }
    x_.generation.service_series[x_.service_index]->answered(
        head.status, x_.shard.loop().now() - *x_.upstream_began);
    passed_over_ = head.status;
    return true;
}

net::Task<Result<void>> Relay::transfer_with_upload() {
    Result<void> done = co_await transfer();
    if (uploading_) {
        // Answered, or failed, before the body was through: the rest of it goes nowhere.
        over_ = true;
        service_.cancel();
        x_.stream.cancel_read();
    }
    co_await scope_.all_done();
    if (!done && client_error_) {
        done = std::unexpected(*client_error_);
    }
    co_return done;
}

// The rest of the client's body, to the service. Ends early when either side fails; the other
// direction then decides what that means.
net::Task<void> Relay::upload() {
    for (bool from_client = held_.bytes.empty();; from_client = true) {
        const Result<http::BodyPart> part =
            from_client ? co_await x_.stream.read_body() : Result<http::BodyPart>{held_};
        if (!part) {
            if (part.error().code != Errc::cancelled) {
                client_error_ = part.error();
                x_.broken_body = client_error_;
                service_.cancel();
            }
            break;
        }
        body_read_ = from_client;
        const Result<void> sent = co_await service_.send_body(
            part->bytes, part->last, part->last ? x_.stream.trailers() : nullptr);
        uploaded_ = x_.shard.loop().now();
        if (x_.idempotency) [[unlikely]] {
            x_.idempotency->renew(uploaded_, x_.route->timeout);
        }
        // A service that reads no further may have answered already; and what was to cancel the
        // next read may have come before it, while the last bytes left.
        if (!sent || part->last || over_) {
            break;
        }
    }
    uploading_ = false;
}

// The time for the answer's head runs from the last byte of the request: it moves on while the body
// is on its way, and the client's pace is judged where that is read.
Instant Relay::head_deadline() const {
    if (first_.last) {
        return x_.deadline;
    }
    const Instant last_byte = uploading_ ? x_.shard.loop().now() : uploaded_;
    return std::min(std::max(x_.deadline, last_byte + x_.route->timeout), latest_);
}

}  // namespace gw::gateway
