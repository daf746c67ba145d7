// The store, for Idempotency-Keys: who may serve a request, and what was answered. Shared by all
// gateways that share the store. Any thread; nothing waits.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace gw::gateway {

class IdempotencyStore {
  public:
    struct Claimed {
        bool mine = false;
        std::string value{};  // what stands there, where it is not mine
    };
    // Nothing: the store did not answer. On the control thread.
    using Answered = std::move_only_function<void(std::optional<Claimed>)>;

    // Puts `claim` there if nothing is, for as long as `ttl`. No two requests have the same claim.
    virtual void claim(std::string key, std::string claim, Millis ttl, Answered answered) = 0;
    // It holds for `ttl` from now, if it still does.
    virtual void renew(std::string key, std::string claim, Millis ttl) = 0;
    // Replaces it, unless somebody else has claimed the key meanwhile.
    virtual void keep(std::string key, std::string claim, std::string value, Millis ttl) = 0;
    // Takes it away, if it still stands there.
    virtual void release(std::string key, std::string claim) = 0;

  protected:
    ~IdempotencyStore() = default;
};

}  // namespace gw::gateway
