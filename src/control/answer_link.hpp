// Takes kept answers from the workers' memory to the store and back, so that all gateways of one
// configuration share them, and holds what comes back against what was purged. Only with Redis:
// where the store is in this process, there is nobody to share with. Control thread, unless said
// otherwise.
//
//   cache:answer:{<digest of configuration and URI>}          a hash: one field an answer, by
//   caller
//                                                             and by what it varies by
//   cache:answer:{…}:fetch:<digest of the caller>             who fetches it, for a few seconds
//   cache:answer:{…}:outdated                                 when it was written to
//   cache:purge:<what>                                        when it was purged
//   cache:outdated:<digest>                                   tells the memory of other gateways
//
// Times are the store's.
#pragma once

#include <atomic>
#include <string>

#include "gateway/purge_log.hpp"
#include "gateway/shared_answers.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "state/store.hpp"

namespace gw::control {

class AnswerLink final : public gateway::SharedAnswers {
  public:
    // Longest time that an answer stays in the store, and that a purge is remembered.
    static constexpr Millis kKeptMost{3'600'000};

    // name: of this process, different from all others'.
    AnswerLink(net::Loop& loop, std::string name) : loop_(loop), name_(std::move(name)) {}
    AnswerLink(const AnswerLink&) = delete;
    AnswerLink& operator=(const AnswerLink&) = delete;

    // Any thread.
    [[nodiscard]] bool open(Instant now) const override {
        return available_.load(std::memory_order_relaxed) &&
               now.time_since_epoch().count() >= closed_until_.load(std::memory_order_relaxed);
    }
    void ask(gateway::SharedPlace place, std::string selection, Told told) override;
    void waited_in_vain(Instant now) override;
    void keep(gateway::SharedPlace place, gateway::StoredPtr answer, Instant began) override;
    void release(gateway::SharedPlace place) override;
    void take_out(gateway::SharedPlace place, gateway::StoredPtr answer) override;
    void forget(std::string site, std::string uri) override;

    struct Settings {
        bool on = true;
        std::size_t body_bytes_max = 262'144;
        std::string secret{};  // of all gateways: what was written without it is not read
    };
    void configure(Settings settings);

    // The store must outlive stop().
    void use_store(state::Store& store);
    void store_changed(bool available);
    // A key that names a purge was told. True: it is news.
    bool note_purge(const gateway::Purge& purge, std::string_view what, std::string_view value);
    // The URI that another gateway has seen a write to; "" if it was this one.
    [[nodiscard]] std::string_view outdated_elsewhere(std::string_view value) const;

    void stop() { stopping_ = true; }
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    // More at once than this: the store does not keep up.
    static constexpr std::size_t kAtOnceMax = 2'000;
    static constexpr std::size_t kBytesAtOnceMax = 32UL * 1024 * 1024;

    void tell_availability();
    [[nodiscard]] bool ready() const {
        return !stopping_ && on_redis_ && settings_.on && store_->available() &&
               scope_.live() < kAtOnceMax;
    }
    net::Task<void> ask_now(gateway::SharedPlace place, std::string selection, Told told);
    Found read(const gateway::SharedPlace& place, const state::RedisReply& reply, bool& purged);
    net::Task<void> keep_now(std::string key, std::vector<std::string> arguments,
                             std::size_t bytes);
    net::Task<void> release_now(gateway::SharedPlace place);
    net::Task<void> take_out_now(std::string key, std::string field);
    net::Task<void> forget_now(std::string key, std::string uri);
    net::Task<void> stamp(gateway::Purge purge, std::string what, std::string value);

    net::Loop& loop_;
    const std::string name_;
    state::Store* store_ = nullptr;
    bool on_redis_ = false;
    Settings settings_;
    std::atomic<bool> available_{false};
    std::atomic<int> in_vain_{0};  // in a row
    std::atomic<Instant::rep> closed_until_{0};
    gateway::PurgeLog purges_{kKeptMost + std::chrono::minutes{5}};
    std::size_t bytes_on_their_way_ = 0;
    net::Scope scope_;
    bool stopping_ = false;
};

}  // namespace gw::control
