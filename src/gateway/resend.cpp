#include "gateway/resend.hpp"

#include "gateway/shard.hpp"

namespace gw::gateway {

bool Resend::repeatable() const {
    const http::RequestHead& head = x_.head();
    return http::idempotent(head.method) || head.headers.has(http::Known::idempotency_key);
}

bool Resend::was_stale(const Error& error, bool reused) const {
    return reused && !failed_before_ &&
           (error.retry == Retry::yes || (error.retry == Retry::if_repeatable && repeatable()));
}

bool Resend::after(const Error& error, bool reused, bool body_held) {
    return decide({.repeatable = repeatable(),
                   .body_held = body_held,
                   .answer_begun = x_.stream.responded(),
                   .stale = was_stale(error, reused),
                   .retries = retries_,
                   .error = error});
}

bool Resend::after(const http::ResponseHead& head, bool body_held) {
    return decide({.repeatable = repeatable(),
                   .body_held = body_held,
                   .retries = retries_,
                   .status = static_cast<std::uint32_t>(head.status),
                   .asked_to_wait = head.headers.has(http::Known::retry_after)});
}

bool Resend::at_once(const Error& error, bool elsewhere) {
    const Instant now = x_.shard.loop().now();
    if (error.retry != Retry::yes || is_over() || now >= x_.deadline ||
        retries_ >= x_.service->options().retry.retries_max ||
        (!x_.service->retries().take(now) && !elsewhere)) {
        return false;
    }
    ++retries_;
    return true;
}

net::Task<void> Resend::pause(ClientWatch& watch) {
    net::Loop& loop = x_.shard.loop();
    ClientPause pause(loop, watch);
    co_await pause.until(loop.now() + pause_);
}

bool Resend::is_over() const {
    return x_.client_gone || x_.shard.ending() || x_.service->options().protocol != protocol_;
}

bool Resend::decide(const upstream::Attempt& attempt) {
    if (is_over()) {
        return false;
    }
    const upstream::RetryDecision decision =
        upstream::decide_retry(x_.service->options().retry, attempt, x_.service->retries(),
                               x_.shard.random(), x_.shard.loop().now(), x_.deadline);
    pause_ = decision.pause;
    failed_before_ = true;
    retries_ += decision.again() ? 1 : 0;
    return decision.again();
}

}  // namespace gw::gateway
