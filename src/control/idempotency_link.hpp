// Takes the workers' claims on Idempotency-Keys to the store. Control thread, unless said
// otherwise.
#pragma once

#include "control/kept_bytes.hpp"
#include "gateway/idempotency_store.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "state/store.hpp"

namespace gw::control {

class IdempotencyLink final : public gateway::IdempotencyStore {
  public:
    explicit IdempotencyLink(net::Loop& loop) : loop_(loop) {}
    IdempotencyLink(const IdempotencyLink&) = delete;
    IdempotencyLink& operator=(const IdempotencyLink&) = delete;

    // Any thread.
    void claim(std::string key, std::string claim, Millis ttl, Answered answered) override;
    void renew(std::string key, std::string claim, Millis ttl) override;
    void keep(std::string key, std::string claim, std::string value, Millis ttl) override;
    void release(std::string key, std::string claim) override;

    // Before the first request; must outlive stop().
    void use_store(state::Store& store) { store_ = &store; }

    void stop() { stopping_ = true; }
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    // More at once than this: the store does not keep up.
    static constexpr std::size_t kAtOnceMax = 10'000;
    // Of the embedded store, whose other half and more is for bans and revocations.
    static constexpr std::size_t kEmbeddedBytesMax = 64UL * 1024 * 1024;

    [[nodiscard]] bool open() const {
        return !stopping_ && store_ != nullptr && store_->available() && scope_.live() < kAtOnceMax;
    }
    net::Task<void> claim_now(std::string key, std::string claim, Millis ttl, Answered answered);
    net::Task<void> keep_now(std::string key, std::string claim, std::string value, Millis ttl);
    // The claim becomes `value`, or goes.
    net::Task<void> change_now(std::string key, std::string claim, std::optional<std::string> value,
                               Millis ttl);

    net::Loop& loop_;
    state::Store* store_ = nullptr;
    KeptBytes kept_{kEmbeddedBytesMax};
    net::Scope scope_;
    bool stopping_ = false;
};

}  // namespace gw::control
