// Limits how often somebody may ask: by the route's policies, one after the other. A policy that
// gateways count together may have to ask the store; everything else is decided here and now.
#include "gateway/forwarded_head.hpp"
#include "gateway/held_body.hpp"
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

// A store that does not answer by then counts as away for this request.
constexpr Millis kStorePatience{50};
constexpr std::size_t kTriesMax = 3;  // with a lease: others may have been faster

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

const limits::Quota& quota_of(const Exchange& x, const Policy& policy) {
    return policy.quota(x.identity != nullptr ? std::string_view(x.identity->tenant)
                                              : std::string_view{});
}

void report_block(Exchange& x, const Policy& policy) {
    x.shard.log_warn(
        "rate limit: blocked for going on",
        {{"requestId", x.request_id},
         {"policy", policy.name()},
         {"blockMs", std::int64_t{quota_of(x, policy).block().count()}},
         {"ip", x.client_text},
         {"userId", x.identity ? std::string_view(x.identity->subject) : std::string_view{}},
         {"route", x.route->path}});
}

Verdict judged(Exchange& x, const Policy& policy, const limits::Outcome& outcome) {
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
    x.retry_after_s = std::max<std::int64_t>(1, limit_seconds(policy, outcome.retry_after));
    return refuse(Code::rate_limited,
                  outcome.blocked ? "too many requests; blocked for a while" : "too many requests");
}

// Of a policy that counts failures only: what may have to be given back.
void hold_permit(Exchange& x, const Policy& policy, Mode mode, limits::PermitId id) {
    if (policy.failures_only() && x.permits_held < x.permits.size()) {
        x.permits[x.permits_held++] = {&policy, mode, id, x.shard.loop().now()};
    }
}

Verdict count_alone(Exchange& x, const Policy& policy) {
    const bool shared = policy.mode() != Mode::local;
    const limits::Outcome outcome = x.shard.rate_limits()->take_alone(
        rate_limit_key(x, policy).view(), quota_of(x, policy), shared, x.shard.loop().now());
    if (outcome.admitted) {
        hold_permit(x, policy, Mode::local, 0);
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
            const Lease::Taken taken = all.take_leased(
                rate_limit_key(x, policy).view(), quota_of(x, policy), false, x.shard.loop().now());
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
    const Instant latest = std::min(x.deadline, loop.now() + kStorePatience);
    for (std::size_t tries = 0; tries < kTriesMax && loop.now() < latest; ++tries) {
        net::Pause pause(loop);
        x.shard.wait_for_limits(pause);
        co_await pause.until(latest);
        x.shard.wait_for_limits_no_more(pause);
        const Lease::Taken taken = all.take_leased(rate_limit_key(x, policy).view(),
                                                   quota_of(x, policy), true, loop.now());
        if (taken.is != Lease::Is::waiting) {
            co_return judged(x, policy, taken.outcome);
        }
    }
    co_return count_alone(x, policy);
}

// Between a request and the answer to its question, which may come when it waits no longer.
struct StoreWait {
    net::Pause* pause = nullptr;
    std::optional<limits::StoreAnswer> answer;
};

net::Task<Verdict> ask_store(Exchange& x) {
    const Policy& policy = *x.route->policies[x.policies_passed];
    net::Loop& loop = x.shard.loop();
    net::Pause pause(loop);
    const auto wait = std::make_shared<StoreWait>();
    wait->pause = &pause;
    x.shard.rate_limits()->ask_store(
        rate_limit_key(x, policy).view(), quota_of(x, policy), limits::StoreAsk{},
        [wait, &loop](const std::optional<limits::StoreAnswer>& answer, Instant) {
            loop.post([wait, answer] {
                wait->answer = answer;
                if (wait->pause != nullptr) {
                    wait->pause->wake();
                }
            });
        });
    co_await pause.until(std::min(x.deadline, loop.now() + kStorePatience));
    wait->pause = nullptr;
    if (!wait->answer) {
        co_return count_alone(x, policy);
    }
    const limits::Outcome outcome = limits::outcome_of(quota_of(x, policy), *wait->answer);
    if (outcome.admitted) {
        hold_permit(x, policy, Mode::exact, wait->answer->id);
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
    if (x.outcome.status >= 400) {
        return;
    }
    RateLimits* const all = x.shard.rate_limits();
    for (std::size_t i = 0; i < x.permits_held; ++i) {
        const HeldPermit& held = x.permits[i];
        const limits::KeyText key = rate_limit_key(x, *held.policy);
        const limits::Quota& quota = quota_of(x, *held.policy);
        if (held.mode == Mode::exact) {
            all->ask_store(key.view(), quota,
                           limits::StoreAsk{.permits = 0, .back_id = held.id, .back = 1},
                           [](const std::optional<limits::StoreAnswer>&, Instant) {});
        } else {
            all->give_back_alone(key.view(), quota, held.policy->mode() != Mode::local, held.at,
                                 x.shard.loop().now());
        }
    }
    x.permits_held = 0;
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
