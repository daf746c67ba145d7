#include "gateway/refresh.hpp"

#include "gateway/arrival.hpp"
#include "gateway/detached_stream.hpp"
#include "gateway/forward.hpp"
#include "gateway/shard.hpp"
#include "gateway/stages.hpp"

namespace gw::gateway {
namespace {

constexpr std::size_t kAtOnceMax =
    64;  // of one worker: a crowd of them would be load of our making

struct Behind {
    Behind(Exchange& from, Shard& shard)
        : stream(from.stream, http::Method::get, "GET"),
          memory(shard.memory()),
          x(stream, shard, *memory) {}
    DetachedStream stream;
    http::Borrowed<ExchangeMemory> memory;
    Exchange x;
};

net::Task<void> fetch(std::unique_ptr<Behind> behind) {
    Exchange& x = behind->x;
    const Result<void> done = co_await forward(x);
    if ((!done || x.cache->met_failure()) && !x.withheld) {
        x.shard.metrics().cache_failed(observe::Cache::response).add();
    }
}

}  // namespace

void refresh_behind(Exchange& from) {
    Shard& shard = from.shard;
    // What it was decided by must still be in force.
    if (shard.live_behind() >= kAtOnceMax || &from.generation != &shard.current()) {
        return;
    }
    auto behind = std::make_unique<Behind>(from, shard);
    Exchange& x = behind->x;
    x.cache.emplace(*shard.answer_cache(), from.cache->options(), shard.shared_answers());
    if (!x.cache->take_over(from, x)) {
        return;
    }
    Arena& arena = x.memory.arena;
    x.behind = true;
    identify(x);
    x.identity = from.identity;
    x.route = from.route;
    x.service_index = from.service_index;
    x.transform = from.transform;
    x.path = arena.copy(from.path);
    x.rest = arena.copy(from.rest);
    x.upstream_path = arena.copy(from.upstream_path);
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        x.memory.parameters[i] = arena.copy(from.memory.parameters[i]);
    }
    x.deadline = shard.loop().now() + x.route->timeout;
    x.stages_passed = kStageCount;  // they have, for the request that it stands for
    shard.spawn_behind([&] { return fetch(std::move(behind)); });
}

}  // namespace gw::gateway
