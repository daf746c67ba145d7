#include "control/limit_link.hpp"

#include <utility>

namespace gw::control {
namespace {

constexpr std::string_view kGatewaysKey = "gateways:alive";
constexpr Millis kSayEvery{1'000};
constexpr int kForgottenAfter = 5;  // seconds

// KEYS[1]: who lives, by when it last said so. ARGV: name, seconds until it is forgotten. How many
// there are.
constexpr std::string_view kAliveScript = R"(
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[2]) * 2)
return redis.call('ZCARD', KEYS[1])
)";

}  // namespace

void LimitLink::ask(std::string key, const limits::Quota& quota, const limits::StoreAsk& ask,
                    std::uint32_t groups, Answered answered) {
    Question question{std::move(key), limits::take_arguments(quota, ask, groups),
                      std::move(answered)};
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        first = questions_.empty();
        questions_.push_back(std::move(question));
    }
    if (first) {
        loop_.post([this] { take_in(); });
    }
}

void LimitLink::take_in() {
    std::vector<Question> questions;
    {
        const std::scoped_lock lock(mutex_);
        questions.swap(questions_);
    }
    for (Question& question : questions) {
        if (stopping_ || !available()) {
            question.answered(std::nullopt, loop_.now());
        } else {
            scope_.spawn(put(std::move(question)));
        }
    }
}

void LimitLink::look_for_stall() {
    if (asked_ == 0) {
        return;
    }
    if (loop_.now() - progress_ >= kStalled) {
        stalled_.store(true, std::memory_order_relaxed);
    }
    loop_.timers().arm(stall_, loop_.now() + kStalled / 3);
}

net::Task<void> LimitLink::put(Question question) {
    if (asked_++ == 0) {
        progress_ = loop_.now();
        loop_.timers().arm(stall_, loop_.now() + kStalled / 3);
    }
    const Instant began = loop_.now();
    const Result<state::RedisReply> reply = co_await store_->run_script(
        limits::kTakeScript, limits::store_key(question.key), std::move(question.arguments));
    --asked_;
    progress_ = loop_.now();
    pace_.answered(loop_.now() - began);
    if ((reply || asked_ == 0) && !slow()) {
        stalled_.store(false, std::memory_order_relaxed);
    }
    question.answered(reply ? limits::read_answer(*reply) : std::nullopt, loop_.now());
}

void LimitLink::use_store(state::Store& store) {
    store_ = &store;
    shared_.store(store.backend() == "redis", std::memory_order_relaxed);
    store_changed(store.available());
}

void LimitLink::store_changed(bool available) {
    const bool counts = available && shared();
    available_.store(counts, std::memory_order_relaxed);
    pace_.begin_anew();
    judged_ = false;
    if (counts) {
        say_alive();
    }
}

void LimitLink::assume_gateways(std::uint32_t count) {
    if (!available_.load(std::memory_order_relaxed)) {
        gateways_.store(count, std::memory_order_relaxed);
    }
}

void LimitLink::say_alive() {
    if (stopping_) {
        return;
    }
    loop_.timers().arm(life_, loop_.now() + kSayEvery);
    if (!available_.load(std::memory_order_relaxed)) {
        return;
    }
    judge_second();
    // Also while it is slow: that is how it turns out that it no longer is.
    if (scope_.live() < 1'000) {
        scope_.spawn(count_gateways());
    }
}

void LimitLink::judge_second() {
    if (!std::exchange(judged_, true) || !pace_.second_over()) {
        return;
    }
    stalled_.store(slow(), std::memory_order_relaxed);
    changed_();
}

net::Task<void> LimitLink::count_gateways() {
    const Instant began = loop_.now();
    const Result<state::RedisReply> reply = co_await store_->run_script(
        kAliveScript, std::string(kGatewaysKey), {name_, std::to_string(kForgottenAfter)});
    pace_.answered(loop_.now() - began);
    if (reply && reply->kind == state::RedisReply::Kind::integer && reply->integer > 0) {
        gateways_.store(static_cast<std::uint32_t>(std::min<std::int64_t>(reply->integer, 10'000)),
                        std::memory_order_relaxed);
    }
}

void LimitLink::stop() {
    stopping_ = true;
    life_.disarm();
    stall_.disarm();
    take_in();
}

}  // namespace gw::control
