// What Redis does not permit the gateway's user (ACL): remembered from the refusal until it is
// permitted. Some of it the rest goes on without (a claim, a limit); what nothing can be followed
// without is kept apart, and only its last one. Pure; not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "state/redis_reply.hpp"

namespace gw::state {

// Redis has said that the user may not.
bool is_refusal(const RedisReply& reply);

class RedisRefusals {
  public:
    // Commands and prefixes of keys that are told apart; we have fewer.
    static constexpr std::size_t kMost = 32;
    // One that is not tried again is forgotten when it was not met for so long.
    static constexpr Millis kStays{60'000};

    // reply: to `command`. Nothing happens where it is no refusal.
    void note(const RedisCommand& command, const RedisReply& reply, Instant now);
    // The same for what nothing can be followed without.
    void bar(const RedisCommand& command, const RedisReply& reply);
    void lift_bar() { barred_.clear(); }
    // "": nothing bars.
    [[nodiscard]] const std::string& barred() const { return barred_; }

    [[nodiscard]] bool empty() const { return noted_.empty(); }
    // The commands and keys, each with Redis' own words; "" where nothing is refused.
    [[nodiscard]] std::string text() const;
    // One of each, to see whether it is permitted now. Their long arguments are cut: they must not
    // be executed. Without those that were refused within a script, which only running it shows.
    [[nodiscard]] std::vector<RedisCommand> to_try() const;
    // It was tried, or nobody can try.
    void permitted(const RedisCommand& tried);
    void still_refused(const RedisCommand& tried, Instant now);
    // True: some were forgotten.
    bool forget_old(Instant now);

  private:
    struct Noted {
        std::string what;
        std::string words;
        RedisCommand command;
        bool in_script = false;
        Instant met{};
    };
    std::vector<Noted> noted_;
    std::string barred_;
};

}  // namespace gw::state
