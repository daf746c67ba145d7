// Takes the workers' claims on Idempotency-Keys and webhooks to the store. Control thread, unless
// said otherwise.
#pragma once

#include <optional>

#include "control/key_room.hpp"
#include "gateway/idempotency_store.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "observe/log.hpp"
#include "state/store.hpp"

namespace gw::control {

class IdempotencyLink final : public gateway::IdempotencyStore {
  public:
    // Of the embedded store, whose other half and more is for bans and revocations.
    struct Room {
        std::size_t keys_max = 64UL * 1024 * 1024;
        std::size_t webhooks_max = 32UL * 1024 * 1024;
    };

    IdempotencyLink(net::Loop& loop, observe::Log& log, Room room)
        : loop_(loop), log_(log), keys_(room.keys_max), webhooks_(room.webhooks_max) {}
    IdempotencyLink(const IdempotencyLink&) = delete;
    IdempotencyLink& operator=(const IdempotencyLink&) = delete;

    // Any thread.
    void claim(gateway::ClaimPlace place, std::string claim, Millis ttl, Instant until,
               Answered answered) override;
    void renew(gateway::ClaimPlace place, std::string claim, Millis ttl) override;
    void keep(gateway::ClaimPlace place, std::string claim, std::string value, Millis ttl) override;
    void release(gateway::ClaimPlace place, std::string claim) override;
    void went_unguarded(std::string route, gateway::Unclaimed why) override;

    // Before the first request; must outlive stop().
    void use_store(state::Store& store) { store_ = &store; }

    void stop() { stopping_ = true; }
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    // More at once than this: the store does not keep up.
    static constexpr std::size_t kAtOnceMax = 10'000;

    // How often something has happened, told once a minute at most.
    struct Tally {
        std::uint64_t count = 0;
        std::optional<Instant> told{};
        // It happened once more: how often since it was told last, if it is to be told now.
        std::optional<std::int64_t> add(Instant now);
    };
    struct Refused {
        gateway::Unclaimed why;
        bool may_pass;  // the store may answer when it is asked again
    };
    using Answer = std::expected<Claimed, Refused>;

    [[nodiscard]] bool asks() const {
        return !stopping_ && store_ != nullptr && scope_.live() < kAtOnceMax;
    }
    // For what has been done: claims that wait do not take its room.
    [[nodiscard]] bool open() const {
        return !stopping_ && store_ != nullptr && scope_.live() < 2 * kAtOnceMax &&
               store_->available();
    }
    // Null where the store looks after its room itself.
    [[nodiscard]] KeyRoom* room_of(const gateway::ClaimPlace& place);
    net::Task<void> claim_now(gateway::ClaimPlace place, std::string claim, Millis ttl,
                              Instant until, Answered answered);
    net::Task<Answer> try_claim(gateway::ClaimPlace place, std::string claim, Millis ttl);
    net::Task<void> keep_now(gateway::ClaimPlace place, std::string claim, std::string value,
                             Millis ttl);
    // The claim becomes `value`, or goes.
    net::Task<void> change_now(gateway::ClaimPlace place, std::string claim,
                               std::optional<std::string> value, Millis ttl);
    net::Task<void> drop_answers(KeyRoom& room);

    net::Loop& loop_;
    observe::Log& log_;
    state::Store* store_ = nullptr;
    KeyRoom keys_;
    KeyRoom webhooks_;
    Tally unguarded_;
    Tally dropped_;
    net::Scope scope_;
    bool stopping_ = false;
};

}  // namespace gw::control
