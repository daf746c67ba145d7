#include "gateway/refresh.hpp"

#include "gateway/arrival.hpp"
#include "gateway/forward.hpp"
#include "gateway/shard.hpp"
#include "net/tls_session.hpp"

namespace gw::gateway {
namespace {

constexpr std::size_t kAtOnceMax =
    64;  // of one worker: a crowd of them would be load of our making

// A client's request once more, and nobody who reads the answer.
class DetachedStream final : public http::Stream {
  public:
    explicit DetachedStream(const http::Stream& like)
        : head_(like.head()),
          peer_(like.peer()),
          protocol_(like.protocol()),
          secure_(like.secure()),
          began_(like.began()) {
        if (const net::TlsPeer* const peer = like.client_certificate()) {
            certificate_ = *peer;
        }
        head_.method = http::Method::get;
        head_.method_text = "GET";
        head_.target = arena_.copy(head_.target);
        head_.path = arena_.copy(head_.path);
        head_.query = arena_.copy(head_.query);
        head_.authority = arena_.copy(head_.authority);
        head_.headers.clear();
        for (const http::Field& field : like.head().headers) {
            [[maybe_unused]] const bool added =
                head_.headers.add(arena_.copy(field.name), arena_.copy(field.value), field.known);
        }
    }

    [[nodiscard]] const http::RequestHead& head() const override { return head_; }
    [[nodiscard]] const http::H1Refusal* defect() const override { return nullptr; }
    [[nodiscard]] const net::Address& peer() const override { return peer_; }
    [[nodiscard]] http::Protocol protocol() const override { return protocol_; }
    [[nodiscard]] bool secure() const override { return secure_; }
    [[nodiscard]] const net::TlsPeer* client_certificate() const override {
        return certificate_ ? &*certificate_ : nullptr;
    }
    [[nodiscard]] Instant began() const override { return began_; }
    http::BodyPart body_at_hand() override { return {{}, true}; }
    net::Task<Result<http::BodyPart>> read_body() override { co_return http::BodyPart{{}, true}; }
    void limit_body(std::uint64_t) override {}
    [[nodiscard]] const http::Headers* trailers() const override { return nullptr; }
    net::Task<Result<void>> send(http::ResponseHead&, std::string_view, bool,
                                 const http::Headers*) override {
        responded_ = true;
        co_return gone();
    }
    net::Task<Result<void>> send_body(std::string_view, bool, const http::Headers*) override {
        co_return gone();
    }
    net::Task<Result<void>> send_interim(http::ResponseHead&) override { co_return gone(); }
    void cut() override {
        cut_ = true;
        if (watcher_ != nullptr) {
            watcher_->peer_left(false);
        }
    }
    void abort() override {}
    void close_after() override {}
    void cancel_read() override {}
    void watch_peer(net::Stream::Watcher* watcher) override { watcher_ = watcher; }
    [[nodiscard]] bool responded() const override { return responded_; }
    [[nodiscard]] std::uint64_t bytes_in() const override { return 0; }
    [[nodiscard]] std::uint64_t bytes_out() const override { return 0; }

  private:
    [[nodiscard]] Result<void> gone() const {
        return cut_ ? Result<void>(fail(Errc::cancelled, Fault::self, "it was ended"))
                    : Result<void>{};
    }

    Arena arena_;
    std::optional<net::TlsPeer> certificate_;
    http::RequestHead head_;
    net::Address peer_;
    http::Protocol protocol_;
    bool secure_;
    Instant began_;
    net::Stream::Watcher* watcher_ = nullptr;
    bool responded_ = false;
    bool cut_ = false;
};

struct Behind {
    Behind(Exchange& from, Shard& shard)
        : stream(from.stream), memory(shard.memory()), x(stream, shard, *memory) {}
    DetachedStream stream;
    http::Borrowed<ExchangeMemory> memory;
    Exchange x;
};

net::Task<void> fetch(std::unique_ptr<Behind> behind) {
    Exchange& x = behind->x;
    if (const Result<void> done = co_await forward(x); !done && !x.withheld) {
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
    x.cache.emplace(*shard.answer_cache(), from.cache->options());
    if (!x.cache->take_over(from, x)) {
        return;
    }
    Arena& arena = x.memory.arena;
    x.behind = true;
    identify(x);
    x.identity = from.identity;
    x.route = from.route;
    x.path = arena.copy(from.path);
    x.upstream_path = arena.copy(from.upstream_path);
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        x.memory.parameters[i] = arena.copy(from.memory.parameters[i]);
    }
    x.deadline = shard.loop().now() + x.route->timeout;
    x.stages_passed = kStageCount;  // they have, for the request that it stands for
    shard.spawn_behind(fetch(std::move(behind)));
}

}  // namespace gw::gateway
