// Answers from memory what may be answered so (RFC 9111), lets one request of many fetch what is
// missing, and looks at what services answer. What is decided by whom: http/freshness.hpp for the
// rules, gateway/cache_work.hpp for one request, gateway/answer_cache.hpp for what is kept.
#include "gateway/ask_shared.hpp"
#include "gateway/client_watch.hpp"
#include "gateway/refresh.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

// For others to fill the place: the first, and one that takes over from it (AnswerCache::kOverdue).
constexpr Millis kPatience = 2 * AnswerCache::kOverdue + Millis{1'000};
constexpr std::size_t kTriesMax = 3;  // others' requests may fail, or be for other clients

void count(Exchange& x, bool hit) {
    x.shard.metrics().looked_up(observe::Cache::response, hit);
}

Verdict from_memory(Exchange& x) {
    count(x, true);
    return answer();
}

// Nothing: the place is to be filled, by whomever.
std::optional<Verdict> served(Exchange& x) {
    switch (x.cache->look_up(x)) {
        case CacheWork::Found::serve:
            return from_memory(x);
        case CacheWork::Found::serve_and_refresh:
            refresh_behind(x);
            return from_memory(x);
        case CacheWork::Found::refused:
            count(x, false);
            return refuse(Code::upstream_timeout, "nothing is kept that would do (only-if-cached)");
        case CacheWork::Found::nothing:
            break;
    }
    return std::nullopt;
}

Verdict decide(Exchange& x, const CacheOptions& o) {
    AnswerCache* const cache = x.shard.answer_cache();
    if (cache == nullptr) {
        return go_on();
    }
    x.cache.emplace(*cache, o, x.shard.shared_answers());
    if (!x.cache->begin(x)) {
        x.cache.reset();
        return go_on();
    }
    if (const std::optional<Verdict> verdict = served(x)) {
        return *verdict;
    }
    const CacheWork::Role role = x.cache->take_role(x, nullptr);
    if (role == CacheWork::Role::waits || x.cache->asks_shared(x)) {
        return wait();
    }
    if (x.cache->reads()) {
        count(x, false);
    }
    return go_on();
}

net::Task<Verdict> wait_for_answer(Exchange& x, const StageOptions*) {
    net::Loop& loop = x.shard.loop();
    // Who has waited in vain needs some time left for the service.
    const Instant latest =
        std::min(x.deadline, loop.now() + std::min(kPatience, x.route->timeout * 3 / 4));
    ClientWatch watch(x);
    for (std::size_t tries = 0; !x.cache->fills() && tries < kTriesMax && loop.now() < latest;
         ++tries) {
        ClientPause pause(loop, watch);
        const auto wait = std::make_shared<FillWait>(loop, &pause);
        const CacheWork::Role role = x.cache->take_role(x, wait);
        if (role == CacheWork::Role::waits) {
            const Instant until = std::min(latest, x.cache->overdue());
            co_await pause.until(until);
            // Whoever fetches has not ended it: else they would pile up there, one for each client.
            if (x.client_gone || loop.now() >= until) {
                x.cache->leave(wait);
            }
        }
        wait->pause = nullptr;
        if (x.client_gone) {
            co_return go_on();  // no service is asked for it
        }
        const StoredPtr before = x.cache->stored();
        if (const std::optional<Verdict> verdict = served(x)) {
            x.cache->let_go(x);
            co_return *verdict;
        }
        // What has just been filled and has to be validated all the same is validated by each.
        const bool filled = x.cache->stored() != nullptr && x.cache->stored() != before;
        if (role != CacheWork::Role::waits || filled) {
            break;
        }
    }
    if (x.cache->asks_shared(x) && co_await ask_others(x)) {
        if (const std::optional<Verdict> verdict = served(x)) {
            co_return *verdict;
        }
        // Not good enough for this request, but what the service may confirm.
        [[maybe_unused]] const CacheWork::Role role = x.cache->take_role(x, nullptr);
    }
    count(x, false);
    co_return go_on();
}

Verdict judge_answer(Exchange& x, const http::ResponseHead& head, const StageOptions&) {
    return x.cache && x.cache->judge(x, head) ? answer() : go_on();
}

constexpr Stage row() {
    Stage stage = gateway::stage<CacheOptions, decide>("cache");
    stage.wait = wait_for_answer;
    stage.judge = judge_answer;
    return stage;
}

}  // namespace

std::optional<config::Flaw> check_parameter_name(std::string_view name) {
    return !name.empty() && name.find_first_of("&=#%+ ") == std::string_view::npos
               ? std::nullopt
               : std::optional(config::Flaw{"is " + config::quote(name),
                                            "write a parameter's name as it stands in the query"});
}

namespace stages {
extern constinit const Stage cache = row();
}

const CacheOptions* cache_of(const StageOptionsList& options) {
    return static_cast<const CacheOptions*>(find_options(options, stages::cache));
}

}  // namespace gw::gateway
