// The shared state: keys with values and times to live, in this process (embedded) or in Redis.
// Requests never ask it: what they need is followed into memory (Follower), and what they change is
// written behind them.
//
// Everything here lives on the control thread's loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/task.hpp"
#include "state/redis_reply.hpp"

namespace gw::state {

enum class SetIf : std::uint8_t { always, absent, present };

struct SetOptions {
    std::optional<Millis> ttl;  // none: no end
    SetIf when = SetIf::always;
};

// A key as it is known: its value and, if it ends, when.
struct KnownEntry {
    std::string key;
    std::string value;
    std::optional<WallTime> expires;
};

// Is told of the keys under the prefixes that it follows. Calls come in the order of the changes; a
// key may be told again with nothing changed.
class Follower {
  public:
    virtual void known(const KnownEntry& entry) = 0;
    // Deleted or expired.
    virtual void gone(std::string_view key) = 0;
    // There, and no text: somebody has written a list, a set or the like.
    virtual void no_text(std::string_view key) = 0;
    // Between these two, known() names everything that exists; what was not named by the end is
    // gone.
    virtual void listing_began() = 0;
    virtual void listing_ended() = 0;
    // The backend is there, or is not. While it is not, what was known stays in force. why: for the
    // call only.
    virtual void backend_changed(bool available, const char* why) = 0;
    // What the backend does not permit us, though it is there; "" when that is over. For people,
    // and for the call only.
    virtual void refuses(std::string_view what) = 0;
    // Everything known now, to be written back to a backend that has lost it.
    virtual std::vector<KnownEntry> everything() = 0;

  protected:
    ~Follower() = default;
};

class Store {
  public:
    virtual ~Store() = default;

    [[nodiscard]] virtual std::string_view backend() const = 0;  // "embedded" or "redis"
    [[nodiscard]] virtual bool available() const = 0;
    // The follower has once been told of all that exists.
    [[nodiscard]] virtual bool told_all() const = 0;
    // How old the last proof is that changes reach us; it grows while the backend is away.
    [[nodiscard]] virtual Millis lag() const = 0;

    // Errors of all: unreachable or timeout when the backend does not answer; never waits longer
    // than the backend's own time limit.
    //
    // False: not set, because of `when`.
    virtual net::Task<Result<bool>> set(std::string key, std::string value, SetOptions options) = 0;
    virtual net::Task<Result<std::optional<KnownEntry>>> get(std::string key) = 0;
    // Puts `value` in the place of `expected`, in one step; without a value the key goes. No ttl:
    // it ends when that would have ended. False: something else stands there, or nothing.
    virtual net::Task<Result<bool>> replace(std::string key, std::string expected,
                                            std::optional<std::string> value,
                                            std::optional<Millis> ttl) = 0;
    // How many of them there were.
    virtual net::Task<Result<std::int64_t>> erase(std::vector<std::string> keys) = 0;

    // Runs a Lua script (EVALSHA) on the server that has `key`, which is KEYS[1]. script: a literal
    // whose text lives as long as the store. The reply is never an error. Unreachable, never to be
    // tried again, where the backend runs no scripts.
    virtual net::Task<Result<RedisReply>> run_script(std::string_view script, std::string key,
                                                     std::vector<std::string> arguments) = 0;

    // A command that none of the above is, about the key behind its name. Never an error of Redis;
    // unreachable, never to be tried again, where the backend has none such.
    virtual net::Task<Result<RedisReply>> run_own(RedisCommand command) = 0;

    // From here on `follower` is told of all keys that begin with one of `prefixes`, at once with
    // what exists. Once, before the loop turns; it must outlive the store.
    virtual void follow(std::vector<std::string> prefixes, Follower& follower) = 0;

    // Any command of the Redis protocol, for operators' tools: the reply, encoded (RESP2).
    virtual net::Task<std::string> run_command(std::vector<std::string> arguments) = 0;

    // Ends what runs; nothing may be called after it but the destructor.
    virtual net::Task<void> stop() = 0;
};

}  // namespace gw::state
