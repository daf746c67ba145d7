#include "gateway/exchange.hpp"

#include "gateway/aggregate.hpp"
#include "gateway/arrival.hpp"
#include "gateway/claimed_fields.hpp"
#include "gateway/compression.hpp"
#include "gateway/finish.hpp"
#include "gateway/forward.hpp"
#include "gateway/open_tunnel.hpp"
#include "gateway/own_response.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {

Exchange::Exchange(http::Stream& stream_, Shard& shard_, ExchangeMemory& memory_)
    : Exchange(stream_, shard_, memory_, shard_.current()) {}

Exchange::Exchange(http::Stream& stream_, Shard& shard_, ExchangeMemory& memory_,
                   Generation& generation_)
    : stream(stream_),
      shard(shard_),
      memory(memory_),
      generation(generation_),
      head_(stream_.head()) {
    shard.enter(*this);
}

Exchange::~Exchange() {
    // What is given up of the cache is named by the configuration, which may go with this exchange.
    cache.reset();
    shard.leave(*this);
}

void Exchange::cut(const char* why) {
    if (cut_why == nullptr) {
        cut_why = why;
        stream.cut();
    }
}

net::Task<void> serve(http::Stream& stream, Shard& shard) {
    const http::Borrowed<ExchangeMemory> memory(shard.memory());
    Exchange x(stream, shard, *memory);
    const Finish finish(x);  // access line and metrics: once, on every way out
    identify(x);

    Verdict verdict = decide(x);  // stages.def, top to bottom
    if (verdict.kind() == Verdict::Kind::wait) {
        verdict = co_await wait_and_decide(x);
    }
    if (!verdict.goes_on()) {
        tell_of_dropped(x);
        co_await respond(x, verdict);  // the only writer of responses of our own
        co_return;
    }
    if (x.broken_body) [[unlikely]] {
        // Stages that had to see it have not: what still comes of it was judged by nobody.
        co_await respond_to(x, *x.broken_body);
        co_return;
    }
    if (x.aggregate != nullptr) [[unlikely]] {
        tell_of_dropped(x);
        co_await answer_in_parts(x);
        co_return;
    }
    const Result<void> forwarded = co_await (x.websocket == nullptr ? forward(x) : open_tunnel(x));
    if (x.withheld && !x.client_gone) {
        co_await respond(x, *x.withheld);
    } else if (!forwarded && x.cache && !x.client_gone && !x.stream.responded() &&
               x.cache->rescue(x)) {
        x.outcome.decided_by = "cache";
        co_await respond(x, answer());
    } else if (!forwarded) {
        co_await respond_to(x, forwarded.error());  // the only place where errors become statuses
    }
}

}  // namespace gw::gateway
