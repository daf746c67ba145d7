// What one worker knows of who may come in: the keys of issuers, tokens that it has verified, bans
// and revocations. The control thread publishes whole snapshots; nothing here waits.
#pragma once

#include <memory>
#include <vector>

#include "identity/key_set.hpp"
#include "identity/token_cache.hpp"
#include "net/loop.hpp"
#include "state/known_state.hpp"

namespace gw::gateway {

class Access {
  public:
    explicit Access(net::Loop& loop) : loop_(loop) {}

    void adopt_keys(std::shared_ptr<const identity::KeySet> keys) {
        keys_ = std::move(keys);
        tokens_.clear();
        keys_asked_for_ended();
    }

    void adopt_known(std::shared_ptr<const state::Known> known) { known_ = std::move(known); }

    [[nodiscard]] const identity::KeySet& keys() const { return *keys_; }
    [[nodiscard]] identity::TokenCache& tokens() { return tokens_; }
    [[nodiscard]] const state::Known& known() const { return *known_; }

    // How a request waits for a key that is not known: at most one of many causes a question, and
    // strangers' inventions cause no more than one in kKeysAskedAgain.
    void ask_for_keys_by(std::move_only_function<void()> ask) { ask_ = std::move(ask); }
    [[nodiscard]] bool may_ask_for_keys() const {
        return ask_ != nullptr && (asking_ || loop_.now() >= ask_again_);
    }
    void wait_for_keys(net::Pause& pause);
    void wait_no_more(net::Pause& pause) { std::erase(waiting_, &pause); }
    // The question has been answered, whatever the answer.
    void keys_asked_for_ended();

  private:
    static constexpr Millis kKeysAskedAgain{10'000};

    net::Loop& loop_;
    std::shared_ptr<const identity::KeySet> keys_ = std::make_shared<identity::KeySet>();
    identity::TokenCache tokens_;
    std::shared_ptr<const state::Known> known_ = std::make_shared<state::Known>(0);
    std::move_only_function<void()> ask_;
    std::vector<net::Pause*> waiting_;
    bool asking_ = false;
    Instant ask_again_{};
};

}  // namespace gw::gateway
