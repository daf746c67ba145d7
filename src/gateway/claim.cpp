#include "gateway/claim.hpp"

#include <algorithm>

#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

// Requests that are claimed are rare and dear: a control thread that is busy for a while, or a
// store that pauses, must not have them done twice.
constexpr Millis kPatienceMost{2'000};
// Also where the request's own time is as good as over: to be late must not let in what came
// before.
constexpr Millis kPatienceLeast{100};

using Answer = std::expected<IdempotencyStore::Claimed, Unclaimed>;

// Half of its time is the service's.
Instant patience_end(const Exchange& x) {
    const Instant now = x.shard.loop().now();
    const auto half = std::chrono::duration_cast<Millis>(x.deadline - now) / 2;
    return now + std::clamp(half, kPatienceLeast, kPatienceMost);
}

// Between a request and the answer to its claim, which may come when it waits no longer.
struct ClaimWait {
    net::Pause* pause = nullptr;
    Answer answer = std::unexpected(Unclaimed::late);
};

}  // namespace

net::Task<Answer> ask_claim(Exchange& x, ClaimPlace place, std::string claim, Millis ttl) {
    net::Loop& loop = x.shard.loop();
    IdempotencyStore& store = *x.shard.idempotency_store();
    net::Pause pause(loop);
    const Instant until = patience_end(x);
    const auto wait = std::make_shared<ClaimWait>(&pause);
    store.claim(
        place, claim, ttl, until, [wait, &loop, &store, place, claim](Answer answer) mutable {
            loop.post([wait, &store, place = std::move(place), claim = std::move(claim),
                       answer = std::move(answer)]() mutable {
                if (wait->pause != nullptr) {
                    wait->answer = std::move(answer);
                    wait->pause->wake();
                } else if (answer && answer->mine) {
                    store.release(std::move(place),
                                  std::move(claim));  // too late to be of use
                }
            });
        });
    co_await pause.until(until);
    wait->pause = nullptr;
    co_return std::move(wait->answer);
}

void go_unguarded(Exchange& x, Unclaimed why) {
    x.generation.route_series[x.route->index]->unguarded.add();
    x.outcome.why = why_text(why);
    x.shard.idempotency_store()->went_unguarded(x.route->path, why);
}

}  // namespace gw::gateway
