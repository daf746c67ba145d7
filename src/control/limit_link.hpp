// Takes the workers' questions about rate limits to the store, and counts the gateways that share
// them: each says every second that it lives. A store that goes on answering late is not asked for
// requests until it is prompt again: with each question a gateway would count alone and together in
// turn, and neither knows of the other. Control thread, unless said otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "control/store_pace.hpp"
#include "gateway/rate_limits.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "state/store.hpp"

namespace gw::control {

class LimitLink final : public gateway::LimitStore {
  public:
    // name: of this process, different from all others'.
    LimitLink(net::Loop& loop, std::string name) : loop_(loop), name_(std::move(name)) {}
    LimitLink(const LimitLink&) = delete;
    LimitLink& operator=(const LimitLink&) = delete;

    // Any thread.
    [[nodiscard]] bool shared() const override { return shared_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool available() const override {
        return available_.load(std::memory_order_relaxed) &&
               !stalled_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t gateways() const override {
        return gateways_.load(std::memory_order_relaxed);
    }
    void ask(std::string key, const limits::Quota& quota, const limits::StoreAsk& ask,
             std::uint32_t groups, Answered answered) override;
    void post(std::move_only_function<void()> job) override { loop_.post(std::move(job)); }

    // The store must outlive stop(). Where it runs no scripts, gateways count alone.
    void use_store(state::Store& store);
    void store_changed(bool available);
    // How many gateways there are where the store cannot say.
    void assume_gateways(std::uint32_t count);

    // Called after each change of slow().
    void when_slow(std::function<void()> changed) { changed_ = std::move(changed); }
    // The store is there, and answers too late for requests to be counted by it: each gateway has
    // its share, as while it is away.
    [[nodiscard]] bool slow() const { return pace_.slow(); }

    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    struct Question {
        std::string key;
        std::vector<std::string> arguments;
        Answered answered;
    };
    // A store that has let questions lie for so long is not waited for.
    static constexpr Millis kStalled{30};
    struct StallTimer : net::Timer {
        explicit StallTimer(LimitLink& l)
            : Timer([](Timer& timer) { static_cast<StallTimer&>(timer).link.look_for_stall(); }),
              link(l) {}
        LimitLink& link;
    };
    struct LifeTimer : net::Timer {
        explicit LifeTimer(LimitLink& l)
            : Timer([](Timer& timer) { static_cast<LifeTimer&>(timer).link.say_alive(); }),
              link(l) {}
        LimitLink& link;
    };

    void take_in();
    void say_alive();
    void judge_second();
    void look_for_stall();
    net::Task<void> put(Question question);
    net::Task<void> count_gateways();

    net::Loop& loop_;
    const std::string name_;
    state::Store* store_ = nullptr;
    std::atomic<bool> shared_{false};
    std::atomic<bool> available_{false};
    std::atomic<std::uint32_t> gateways_{1};
    std::mutex mutex_;
    std::vector<Question> questions_;
    std::size_t asked_ = 0;  // and not answered
    Instant progress_{};     // when the store last answered, or was first asked
    // Also for as long as it is slow.
    std::atomic<bool> stalled_{false};
    StorePace pace_{kPatience};
    bool judged_ = false;  // a second began with a question
    std::function<void()> changed_ = [] {};
    StallTimer stall_{*this};
    LifeTimer life_{*this};
    net::Scope scope_;
    bool stopping_ = false;
};

}  // namespace gw::control
