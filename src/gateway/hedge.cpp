#include "gateway/hedge.hpp"

#include "gateway/attempt_error.hpp"
#include "gateway/relay.hpp"
#include "gateway/signing.hpp"

namespace gw::gateway {

Hedge::Hedge(Exchange& x, ClientWatch& watch, upstream::BreakerCall& call, std::uint64_t key)
    : x_(x), watch_(watch), call_(call), key_(key), pause_(x.shard.loop()) {
    watch_.also(this);
}

net::Task<Result<void>> Hedge::run(upstream::Endpoint& first, Resend& resend) {
    net::Loop& loop = x_.shard.loop();
    begin(tries_[0], first, call_);
    if (tries_[0].running()) {
        co_await pause_.until(std::min(x_.deadline, loop.now() + x_.route->hedge_after));
    }
    if (tries_[0].running() && !x_.client_gone && loop.now() < x_.deadline) {
        begin_second();
    }
    while (winner() == nullptr && scope_.live() > 0) {
        // Each ends by itself, at the deadline at the latest, and wakes us.
        co_await pause_.until(loop.now() + std::chrono::hours{1});
    }
    Try* const best = winner();
    reused_ = tries_[0].reused;
    for (Try& each : tries_) {
        if (&each != best && each.running()) {
            cancel(each);
        }
        if (best != nullptr && &each != best && each.began) {
            lost(each);
        }
    }
    Result<void> done = best != nullptr && best->answer ? co_await pass_on(*best, resend)
                                                        : std::unexpected(tries_[0].answer.error());
    co_await scope_.all_done();
    co_return done;
}

void Hedge::begin(Try& each, upstream::Endpoint& endpoint, upstream::BreakerCall& call) {
    each.endpoint = &endpoint;
    each.call = &call;
    each.began = true;
    scope_.spawn(ask(each));
}

void Hedge::begin_second() {
    const Instant now = x_.shard.loop().now();
    upstream::Endpoint* const other = x_.service->pick(tries_[0].endpoint, key_);
    if (other == nullptr || other == tries_[0].endpoint) {
        return;
    }
    upstream::Breaker& breaker = *x_.generation.breakers[x_.service_index];
    // Nobody is refused by it: what is not sent a second time is not counted as a reject.
    if (!breaker.would_admit(now)) {
        return;
    }
    second_call_.emplace(breaker, now);
    if (!second_call_->admitted() || !x_.service->retries().take(now)) {
        second_call_.reset();
        return;
    }
    x_.generation.service_series[x_.service_index]->hedged();
    begin(tries_[1], *other, *second_call_);
}

net::Task<void> Hedge::ask(Try& each) {
    each.answer = co_await answer_of(each);
    each.done = true;
    if (!each.answer) {
        failed(each, each.answer.error());
        each.reused = each.lease && each.lease->reused();
        // The service sees at once that nobody waits any more.
        each.client.reset();
        each.lease.reset();
    }
    pause_.wake();
}

net::Task<Result<const http::ResponseHead*>> Hedge::answer_of(Try& each) {
    each.lease = each.endpoint->reuse(false);
    if (!each.lease) {
        Result<upstream::Lease> opened = co_await each.endpoint->open(x_.deadline, each.connecting);
        if (!opened) {
            co_return std::unexpected(opened.error());
        }
        each.lease.emplace(std::move(*opened));
    }
    // The first may take longer to connect, and then it is the one that is sent second.
    if (std::exchange(sent_, true)) {
        renew_signature(x_);
    }
    const http::H1ServerLimits& limits = x_.generation.site->limits;
    each.client.emplace(each.lease->stream(), x_.shard.h1(), limits.message, limits.pace);
    if (const Result<void> sent = co_await each.client->send(x_.memory.request, {}, true, nullptr);
        !sent) {
        co_return std::unexpected(sent.error());
    }
    constexpr int kInterimHeadsMax = 32;
    for (int heads = 0; heads <= kInterimHeadsMax; ++heads) {
        Result<const http::ResponseHead*> got = co_await each.client->read_head(x_.deadline);
        if (!got || (*got)->status >= 200) {
            co_return got;
        }
        // Whose it would be is not known yet: interim heads are dropped.
        if ((*got)->status == 101) {
            break;
        }
    }
    co_return fail(Errc::malformed, Fault::upstream, "the service sent no answer");
}

void Hedge::failed(const Try& each, const Error& error) {
    if (!is_the_services(error)) {
        return;
    }
    const bool stale = each.lease && each.lease->reused() && error.retry != Retry::never;
    x_.generation.service_series[x_.service_index]->failed(error_label(error));
    if (!stale) {
        x_.service->failed(*each.endpoint);
        each.call->tell(upstream::Breaker::Result::failure, x_.shard.loop().now());
    }
}

// The other one is passed on, which may go on for hours: nothing waits for that.
void Hedge::lost(Try& each) {
    const Instant now = x_.shard.loop().now();
    const bool answered = each.done && each.answer;
    if (answered && !each.good()) {
        x_.service->failed(*each.endpoint);
        each.call->tell(upstream::Breaker::Result::failure, now);
        x_.generation.service_series[x_.service_index]->answered((*each.answer)->status,
                                                                 now - *x_.upstream_began);
    }
    each.call->tell(upstream::Breaker::Result::ignored, now);
    if (answered) {
        each.client.reset();
        each.lease.reset();
    }
}

void Hedge::cancel(Try& each) {
    if (each.connecting != nullptr) {
        each.connecting->cancel();
    } else if (each.client) {
        each.client->cancel();
    }
}

void Hedge::give_up() {
    for (Try& each : tries_) {
        if (each.running()) {
            cancel(each);
        }
    }
}

// A good answer at once; an error only when nothing better can come.
Hedge::Try* Hedge::winner() {
    Try* best = nullptr;
    for (Try& each : tries_) {
        if (each.good()) {
            return &each;
        }
        if (best == nullptr && each.done && each.answer) {
            best = &each;
        }
    }
    return scope_.live() == 0 ? best : nullptr;
}

net::Task<Result<void>> Hedge::pass_on(Try& each, Resend& resend) {
    http::H1Client& client = *each.client;
    watch_.on(&client);
    Relay relay(x_, client, {{}, true}, *each.call, resend, *each.answer);
    const Result<void> done = co_await relay.run();
    watch_.on(nullptr);
    upstream::Endpoint& endpoint = *each.endpoint;
    passed_over_ = relay.passed_over_status();
    if (client.reusable()) {
        each.lease->give_back(client.keep_alive());
    }
    if (done && x_.outcome.status < 500) {
        x_.service->succeeded(endpoint);
    } else if (done || relay.passed_over()) {
        x_.service->failed(endpoint);
    } else {
        failed(each, done.error());
    }
    co_return done;
}

}  // namespace gw::gateway
