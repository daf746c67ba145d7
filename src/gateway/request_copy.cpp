#include "gateway/request_copy.hpp"

#include "gateway/arrival.hpp"
#include "gateway/detached_stream.hpp"
#include "gateway/forward.hpp"
#include "gateway/held_body.hpp"
#include "gateway/service_maintenance.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

using observe::Mirrored;

constexpr Millis kMomentLater{1};                          // the request itself goes first
constexpr std::uint64_t kAnswerMax = 4UL * 1'024 * 1'024;  // of what is read only to be dropped

// The request once more, with its body; the answer is read, so that its connection can be used
// again, and dropped.
class CopyStream final : public DetachedStream {
  public:
    CopyStream(const http::Stream& like, std::string_view body)
        : DetachedStream(like), body_(body) {}

    http::BodyPart body_at_hand() override { return {body_, true}; }
    net::Task<Result<void>> send(http::ResponseHead&, std::string_view bytes, bool,
                                 const http::Headers*) override {
        set_responded();
        co_return dropped(bytes);
    }
    net::Task<Result<void>> send_body(std::string_view bytes, bool, const http::Headers*) override {
        co_return dropped(bytes);
    }

  private:
    Result<void> dropped(std::string_view bytes) {
        dropped_ += bytes.size();
        return dropped_ > kAnswerMax ? Result<void>(fail(Errc::cancelled, Fault::self, "too large"))
                                     : alive();
    }

    std::string body_;
    std::uint64_t dropped_ = 0;
};

struct Copy {
    Copy(Exchange& from, std::string_view body)
        : stream(from.stream, body),
          memory(from.shard.memory()),
          x(stream, from.shard, *memory, from.generation) {}

    // Its time is over, whatever it waits for.
    struct End : net::Timer {
        explicit End(CopyStream& of)
            : Timer([](Timer& t) { static_cast<End&>(t).stream.cut(); }), stream(of) {}
        CopyStream& stream;
    };

    CopyStream stream;
    http::Borrowed<ExchangeMemory> memory;
    Exchange x;
    End end{stream};
};

net::Task<void> send_copy(std::unique_ptr<Copy> copy) {
    Exchange& x = copy->x;
    net::Loop& loop = x.shard.loop();
    net::Pause pause(loop);
    co_await pause.until(loop.now() + kMomentLater);
    loop.timers().arm(copy->end, x.deadline);
    bool answered = false;
    if (!copy->stream.was_cut()) {
        const Result<void> done = co_await forward(x);
        answered = done.has_value();
    }
    copy->end.disarm();
    x.generation.service_series[x.service_index]
        ->mirrored[static_cast<std::size_t>(answered ? Mirrored::answered : Mirrored::failed)]
        .add();
    --x.generation.mirrors[x.route->index];
}

// All of its body, if it is here and small enough.
std::optional<std::string_view> body_of(Exchange& x, const MirrorOptions& options) {
    const http::RequestHead& head = x.head();
    if (head.framing == http::Framing::none) {
        return std::string_view{};
    }
    if (head.framing == http::Framing::length && head.content_length > options.body_bytes_max) {
        return std::nullopt;
    }
    return hold_what_is_here(x) && x.held->bytes.size() <= options.body_bytes_max
               ? std::optional(x.held->bytes)
               : std::nullopt;
}

}  // namespace

void mirror(Exchange& from, const MirrorOptions& options) {
    Shard& shard = from.shard;
    const std::size_t service = from.route->mirror;
    const auto count = [&](Mirrored what) {
        from.generation.service_series[service]->mirrored[static_cast<std::size_t>(what)].add();
    };
    // Closed, it is its operators' alone.
    if (WallTime until{}; is_closed(from, service, until)) {
        count(Mirrored::skipped_closed);
        return;
    }
    std::uint32_t& in_flight = from.generation.mirrors[from.route->index];
    if (in_flight >= options.in_flight_max || shard.draining()) {
        count(Mirrored::skipped_busy);
        return;
    }
    const std::optional<std::string_view> body = body_of(from, options);
    if (!body) {
        count(Mirrored::skipped_body);
        return;
    }
    ++in_flight;
    auto copy = std::make_unique<Copy>(from, *body);
    Exchange& x = copy->x;
    Arena& arena = x.memory.arena;
    x.behind = true;
    x.copied = &options;
    identify(x);
    x.request_id = arena.copy(from.request_id);
    x.correlation_id = arena.copy(from.correlation_id);
    x.trace = from.trace;
    x.traced = nullptr;
    x.identity = from.identity;
    x.route = from.route;
    x.service_index = service;
    x.transform = from.transform;
    x.path = arena.copy(from.path);
    x.rest = arena.copy(from.rest);
    x.upstream_path = arena.copy(from.upstream_path);
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        x.memory.parameters[i] = arena.copy(from.memory.parameters[i]);
    }
    x.deadline = shard.loop().now() + options.timeout;
    shard.spawn_behind([&] { return send_copy(std::move(copy)); });
}

}  // namespace gw::gateway
