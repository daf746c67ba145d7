#include "gateway/claim.hpp"

#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

// A store that does not answer by then counts as away for this request.
constexpr Millis kStorePatience{100};

// Between a request and the answer to its claim, which may come when it waits no longer.
struct ClaimWait {
    net::Pause* pause = nullptr;
    std::optional<IdempotencyStore::Claimed> claimed{};
};

}  // namespace

net::Task<std::optional<IdempotencyStore::Claimed>> ask_claim(Exchange& x, std::string key,
                                                              std::string claim, Millis ttl) {
    net::Loop& loop = x.shard.loop();
    IdempotencyStore& store = *x.shard.idempotency_store();
    net::Pause pause(loop);
    const auto wait = std::make_shared<ClaimWait>(&pause);
    store.claim(key, claim, ttl,
                [wait, &loop, &store, key,
                 claim](std::optional<IdempotencyStore::Claimed> claimed) mutable {
                    loop.post([wait, &store, key = std::move(key), claim = std::move(claim),
                               claimed = std::move(claimed)]() mutable {
                        if (wait->pause != nullptr) {
                            wait->claimed = std::move(claimed);
                            wait->pause->wake();
                        } else if (claimed && claimed->mine) {
                            store.release(std::move(key),
                                          std::move(claim));  // too late to be of use
                        }
                    });
                });
    // Whatever is left of the request's own time: to be late must not let in what came before.
    co_await pause.until(loop.now() + kStorePatience);
    wait->pause = nullptr;
    co_return std::move(wait->claimed);
}

}  // namespace gw::gateway
