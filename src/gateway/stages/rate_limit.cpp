// Limits how often somebody may ask: by the route's policies, one after the other. A policy that
// gateways count together may have to ask the store; everything else is decided here and now.
#include "base/ensure.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/held_body.hpp"
#include "gateway/limit_question.hpp"
#include "gateway/rate_limit_options.hpp"
#include "gateway/rate_limits.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {

namespace {

limits::KeyValues values_of(const Exchange& x) {
    limits::KeyValues values{.user = {},
                             .tenant = {},
                             .api_key = {},
                             .route = x.route->path,
                             .address = x.client,
                             .parameters = {}};
    if (x.identity != nullptr) {
        (x.identity->by_api_key ? values.api_key : values.user) = x.identity->subject;
        values.tenant = x.identity->tenant;
    }
    return values;
}

// Of a route that has parameters.
limits::KeyText key_with_parameters(const Exchange& x, const limits::Policy& policy) {
    std::array<std::pair<std::string_view, std::string_view>,
               PathPattern::kParametersMax + Route::kBodyParametersMax>
        parameters;
    std::size_t count = 0;
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        parameters[count++] = {x.route->parameters[i], x.memory.parameters[i]};
    }
    for (std::size_t i = 0; i < x.route->body_parameters.size(); ++i) {
        parameters[count++] = {x.route->body_parameters[i], x.body_parameters[i]};
    }
    limits::KeyValues values = values_of(x);
    values.parameters = {parameters.data(), count};
    return {policy, values};
}

}  // namespace

const limits::Quota& rate_limit_quota(const Exchange& x, const limits::Policy& policy) {
    return x.identity != nullptr ? policy.quota(x.identity->tenant, x.identity->limit_tier)
                                 : policy.quota({});
}

limits::KeyText rate_limit_key(const Exchange& x, const limits::Policy& policy) {
    if (x.route->parameters.empty() && x.route->body_parameters.empty()) [[likely]] {
        return {policy, values_of(x)};
    }
    return key_with_parameters(x, policy);
}

namespace {

using limits::Lease;
using limits::Mode;
using limits::Policy;
using Waited = RateLimits::Waited;

constexpr std::size_t kTriesMax = 3;  // with a lease: others may have been faster
// For whoever is refused because of requests that are under way: what they turn out to be, payments
// that succeed for the most part, is known soon.
constexpr std::chrono::seconds kUntilAnswered{1};

// What the body says under the names that keys ask for. Where it says several things, or could not
// be read to its end, none of them counts: which one the service takes is its own affair, and who
// could choose what is counted would never come to a limit. All such requests count together.
class BodyParameters final : public security::ValueVisitor {
  public:
    BodyParameters(const Route& route, Exchange& x) : route_(route), x_(x) {}
    bool value(security::ValuePlace, std::string_view name, std::string_view decoded) override {
        for (std::size_t i = 0; i < route_.body_parameters.size(); ++i) {
            if (route_.body_parameters[i] == name) {
                take(i, decoded.substr(0, kValueMax));
            }
        }
        return true;
    }
    void end(security::Walk walk) {
        for (std::size_t i = 0; i < route_.body_parameters.size(); ++i) {
            if (several_[i] || walk != security::Walk::whole) {
                x_.body_parameters[i] = {};
            }
        }
    }

  private:
    static constexpr std::size_t kValueMax = 256;

    void take(std::size_t index, std::string_view text) {
        std::string_view& value = x_.body_parameters[index];
        several_[index] = several_[index] || (seen_[index] && value != text);
        if (!std::exchange(seen_[index], true)) {
            value = x_.memory.arena.copy(text);
        }
    }

    const Route& route_;
    Exchange& x_;
    std::array<bool, Route::kBodyParametersMax> seen_{};
    std::array<bool, Route::kBodyParametersMax> several_{};
};

void read_body(Exchange& x) {
    BodyParameters visitor(*x.route, x);
    security::RequestValues& values = x.shard.request_values();
    visitor.end(body_kind(x.head()) == BodyKind::form ? values.form(x.held->bytes, visitor)
                                                      : values.json(x.held->bytes, visitor));
}

void report_block(Exchange& x, const Policy& policy) {
    x.shard.log_warn(
        "rate limit: blocked for going on",
        {{"requestId", x.request_id},
         {"policy", policy.name()},
         {"blockMs", std::int64_t{rate_limit_quota(x, policy).block().count()}},
         {"ip", x.client_text},
         {"userId", x.identity ? std::string_view(x.identity->subject) : std::string_view{}},
         {"route", x.route->path}});
}

void give_back(Exchange& x, const Policy& policy, LimitQuestion& question) {
    question.give_back(*x.shard.rate_limits(), rate_limit_key(x, policy).view(),
                       rate_limit_quota(x, policy), x.shard.loop().now());
}

// The request's answer is known. back: it is none of those that count.
void end_permits(Exchange& x, bool back) {
    for (std::size_t i = 0; i < x.permits_held; ++i) {
        const HeldPermit held = std::exchange(x.permits[i], {});
        if (!back) {
            continue;
        }
        if (held.counted_here) {
            x.shard.rate_limits()->give_back_alone(
                rate_limit_key(x, *held.policy).view(), rate_limit_quota(x, *held.policy),
                held.policy->mode() != Mode::local, held.at, x.shard.loop().now());
        }
        if (held.question) {
            give_back(x, *held.policy, *held.question);
        }
    }
    x.permits_held = 0;
}

Verdict judged(Exchange& x, const Policy& policy, limits::Outcome outcome) {
    if (!outcome.admitted && !outcome.blocked && policy.failures_only() &&
        x.shard.rate_limits()->in_flight().any(rate_limit_key(x, policy).view())) {
        outcome.retry_after = std::min<Instant::duration>(outcome.retry_after, kUntilAnswered);
    }
    const bool tighter = x.limited.policy == nullptr || !outcome.admitted ||
                         outcome.remaining < x.limited.outcome.remaining;
    if (tighter) {
        x.limited = {&policy, outcome};
    }
    if (outcome.admitted) {
        return go_on();
    }
    if (outcome.block_began) {
        report_block(x, policy);
    }
    x.shard.metrics().rate_limited(policy.name(), policy.dry_run()).add();
    x.shard.rate_limits()->refused().note(rate_limit_key(x, policy).view(), x.shard.loop().now());
    if (policy.dry_run()) {
        return go_on();
    }
    end_permits(x, true);  // of policies before this one: the request has failed at nothing
    x.retry_after_s = std::max<std::int64_t>(1, limit_seconds(policy, outcome));
    return refuse(Code::rate_limited,
                  outcome.blocked ? "too many requests; blocked for a while" : "too many requests");
}

// Of a policy that counts failures only: what may have to be given back.
void hold_permit(Exchange& x, const Policy& policy, std::shared_ptr<LimitQuestion> question,
                 bool counted_here) {
    if (policy.failures_only()) {
        ensure(x.permits_held < x.permits.size(), "a route was checked for how many it has");
        x.permits[x.permits_held++] = {
            &policy, std::move(question), counted_here, x.shard.loop().now(),
            x.shard.rate_limits()->in_flight().enter(rate_limit_key(x, policy).view())};
    }
}

// question: to the store, which has not answered it in time.
Verdict count_alone(Exchange& x, const Policy& policy,
                    std::shared_ptr<LimitQuestion> question = nullptr) {
    const bool shared = policy.mode() != Mode::local;
    const limits::Outcome outcome = x.shard.rate_limits()->take_alone(
        rate_limit_key(x, policy).view(), rate_limit_quota(x, policy), shared,
        x.shard.loop().now());
    if (outcome.admitted) {
        hold_permit(x, policy, std::move(question), true);
    } else if (question) {
        give_back(x, policy, *question);
    }
    return judged(x, policy, outcome);
}

// The next policies that need no wait. Wait: the one at x.policies_passed does.
Verdict count_on(Exchange& x) {
    RateLimits& all = *x.shard.rate_limits();
    const auto& policies = x.route->policies;
    for (; x.policies_passed < policies.size(); ++x.policies_passed) {
        const Policy& policy = *policies[x.policies_passed];
        const Mode mode = all.mode_of(policy);
        if (mode == Mode::exact) {
            return wait();
        }
        Verdict verdict = go_on();
        if (mode == Mode::leased) {
            const Lease::Taken taken =
                all.take_leased(rate_limit_key(x, policy).view(), rate_limit_quota(x, policy),
                                Waited::no, x.shard.loop().now());
            if (taken.is == Lease::Is::waiting) {
                x.waits_for_lease = true;
                return wait();
            }
            verdict = judged(x, policy, taken.outcome);
        } else {
            verdict = count_alone(x, policy);
        }
        if (!verdict.goes_on()) {
            return verdict;
        }
    }
    return go_on();
}

Verdict decide(Exchange& x, const RateLimitOptions& o) {
    if (x.shard.rate_limits() == nullptr || !x.generation.site->rate_limited ||
        x.route->policies.empty()) {
        return go_on();
    }
    if (!x.route->body_parameters.empty() && has_readable_body(x.head(), o.body_bytes_max)) {
        if (!hold_what_is_here(x)) {
            return wait();
        }
        read_body(x);
    }
    return count_on(x);
}

net::Task<Verdict> wait_for_lease(Exchange& x) {
    const Policy& policy = *x.route->policies[x.policies_passed];
    RateLimits& all = *x.shard.rate_limits();
    net::Loop& loop = x.shard.loop();
    const RateLimits::Waiting waiting(all);
    const Instant latest = std::min(x.deadline, loop.now() + LimitStore::kPatience);
    for (std::size_t tries = 1;; ++tries) {
        net::Pause pause(loop);
        x.shard.wait_for_limits(pause);
        co_await pause.until(latest);
        x.shard.wait_for_limits_no_more(pause);
        const bool late = tries == kTriesMax || loop.now() >= latest;
        const Lease::Taken taken =
            all.take_leased(rate_limit_key(x, policy).view(), rate_limit_quota(x, policy),
                            late ? Waited::in_vain : Waited::and_was_woken, loop.now());
        if (taken.is != Lease::Is::waiting) {
            co_return judged(x, policy, taken.outcome);
        }
    }
}

net::Task<Verdict> ask_store(Exchange& x) {
    const Policy& policy = *x.route->policies[x.policies_passed];
    RateLimits& all = *x.shard.rate_limits();
    net::Loop& loop = x.shard.loop();
    net::Pause pause(loop);
    const auto question = std::make_shared<LimitQuestion>();
    question->pause = &pause;
    all.ask_store(rate_limit_key(x, policy).view(), rate_limit_quota(x, policy), limits::StoreAsk{},
                  [question, &all, &loop](const auto& answer, Instant) {
                      loop.post([question, &all, &loop, answer] {
                          question->answered(all, answer, loop.now());
                      });
                  });
    co_await pause.until(std::min(x.deadline, loop.now() + LimitStore::kPatience));
    question->pause = nullptr;
    if (!question->answer) {
        co_return count_alone(x, policy, question);
    }
    const limits::StoreAnswer& answer = *question->answer;
    const limits::Quota& quota = rate_limit_quota(x, policy);
    const bool noted = all.note_alone(rate_limit_key(x, policy).view(), quota, answer, loop.now());
    const limits::Outcome outcome = limits::outcome_of(quota, answer);
    if (outcome.admitted) {
        hold_permit(x, policy, question, noted);
    }
    co_return judged(x, policy, outcome);
}

net::Task<Verdict> wait_to_count(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const RateLimitOptions&>(*options);
    if (x.held && !x.held->last) {
        // A body that breaks off goes no further, see held_body.hpp.
        const Result<void> held = co_await hold_body(x, o.body_bytes_max);
        if (held && x.held->last) {
            read_body(x);
        }
        const Verdict verdict = count_on(x);
        if (verdict.kind() != Verdict::Kind::wait) {
            co_return verdict;
        }
    }
    while (true) {
        Verdict verdict =
            co_await (std::exchange(x.waits_for_lease, false) ? wait_for_lease(x) : ask_store(x));
        if (!verdict.goes_on()) {
            co_return verdict;
        }
        ++x.policies_passed;
        verdict = count_on(x);
        if (verdict.kind() != Verdict::Kind::wait) {
            co_return verdict;
        }
    }
}

// What succeeded does not count where only failures do, whoever gave the answer.
void on_response(Exchange& x, const StageOptions&) {
    end_permits(x, x.outcome.status < 400);
}

constexpr Stage row() {
    Stage stage = stage_of_every_route<RateLimitOptions, decide>("rate_limit");
    stage.wait = wait_to_count;
    stage.on_response = on_response;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage rate_limit = row();
}

const RateLimitOptions* rate_limit_of(const StageOptionsList& options) {
    return static_cast<const RateLimitOptions*>(find_options(options, stages::rate_limit));
}

}  // namespace gw::gateway
