#include "gateway/ask_shared.hpp"

#include "gateway/shard.hpp"
#include "gateway/shared_record.hpp"

namespace gw::gateway {
namespace {

using Found = SharedAnswers::Found;

// For another gateway that fetches it, and how often it is looked for.
constexpr Millis kElsewherePatience{1'000};
constexpr Millis kLookEvery{20};

// Between a request and the answer to its question, which may come when it waits no longer.
struct Asking {
    net::Pause* pause = nullptr;
    std::optional<Found> found{};
};

net::Task<Found> ask_once(Exchange& x, std::string selection) {
    net::Loop& loop = x.shard.loop();
    SharedAnswers& shared = x.cache->shared();
    net::Pause pause(loop);
    const auto asking = std::make_shared<Asking>(&pause);
    shared.ask(x.cache->shared_place(), std::move(selection),
               [asking, &loop, &shared, place = x.cache->shared_place()](Found found) mutable {
                   loop.post([asking, &shared, place = std::move(place),
                              found = std::move(found)]() mutable {
                       if (asking->pause != nullptr) {
                           asking->found = std::move(found);
                           asking->pause->wake();
                       } else if (found.is == Found::Is::fetch) {
                           shared.release(std::move(place));  // too late to be of use
                       }
                   });
               });
    co_await pause.until(std::min(x.deadline, loop.now() + SharedAnswers::kPatience));
    asking->pause = nullptr;
    if (!asking->found) {
        shared.waited_in_vain(loop.now());
    }
    co_return std::move(asking->found).value_or(Found{});
}

}  // namespace

net::Task<bool> ask_others(Exchange& x) {
    net::Loop& loop = x.shard.loop();
    const Instant latest = std::min(x.deadline, loop.now() + kElsewherePatience);
    std::string selection;
    for (;;) {
        Found found = co_await ask_once(x, selection);
        switch (found.is) {
            case Found::Is::answer:
                if (!x.cache->adopt(x, std::move(found.answer))) {
                    co_return false;
                }
                x.shard.metrics().looked_up(observe::Cache::shared, true);
                co_return true;
            case Found::Is::varies: {
                StoredAnswer like;
                like.select_by(found.names, x.head().headers);
                if (like.vary.empty() || !selection.empty()) {
                    co_return false;
                }
                selection = selection_of(like.vary);
                break;
            }
            case Found::Is::fetch:
                x.cache->fetch_for_all();
                x.shard.metrics().looked_up(observe::Cache::shared, false);
                co_return false;
            case Found::Is::elsewhere:
                if (loop.now() >= latest) {
                    x.shard.metrics().looked_up(observe::Cache::shared, false);
                    co_return false;
                }
                {
                    net::Pause pause(loop);
                    co_await pause.until(loop.now() + kLookEvery);
                }
                break;
            case Found::Is::failed:
                x.shard.metrics().cache_failed(observe::Cache::shared).add();
                co_return false;
        }
    }
}

}  // namespace gw::gateway
