// Asks a gateway's port for redis-cli, or Redis, and waits for the answer: for the command line,
// which has nothing else to do. Blocks, with time limits. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "state/redis_reply.hpp"

struct redisContext;

namespace gw::state {

class RespClient {
  public:
    // What went wrong, for people.
    struct Failure {
        bool unreachable = false;  // nobody answers, or no more
        std::string why;
    };
    template <class T>
    using Outcome = std::expected<T, Failure>;

    // Connects to 127.0.0.1, and gives the password if there is one. within: for each step.
    static Outcome<RespClient> connect(std::uint16_t port, const std::string& password,
                                       Millis within);

    // An error that the other side answers with is a Failure, but not unreachable.
    Outcome<RedisReply> run(const RedisCommand& command);
    // As many replies as commands, in their order, errors among them.
    Outcome<std::vector<RedisReply>> run_all(const std::vector<RedisCommand>& commands);

  private:
    struct Free {
        void operator()(redisContext* context) const;
    };
    explicit RespClient(redisContext* context) : context_(context) {}
    [[nodiscard]] std::unexpected<Failure> broken() const;

    std::unique_ptr<redisContext, Free> context_;
};

}  // namespace gw::state
