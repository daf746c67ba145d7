// Commands to and replies from Redis (RESP2) as values. Replies come from outside: sizes and depth
// are bounded, and what is not the protocol is an error after which the connection is of no use.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct redisReader;

namespace gw::state {

using RedisCommand = std::vector<std::string>;

struct RedisReply {
    enum class Kind : std::uint8_t { nil, status, error, integer, text, list };

    Kind kind = Kind::nil;
    std::int64_t integer = 0;
    std::string text;  // of a status, an error or a text
    std::vector<RedisReply> items;

    [[nodiscard]] bool is(Kind k) const { return kind == k; }
    bool operator==(const RedisReply&) const = default;
};

class RedisReplyReader {
  public:
    // What one reply may take: far more than a batch of ours, less than would hurt.
    static constexpr std::size_t kReplyMax = 64UL * 1024 * 1024;

    RedisReplyReader();
    RedisReplyReader(const RedisReplyReader&) = delete;
    RedisReplyReader& operator=(const RedisReplyReader&) = delete;
    ~RedisReplyReader();

    // Errors: malformed, too_large.
    Result<void> feed(std::string_view bytes);
    // The next reply that is complete; nothing if more bytes are needed.
    Result<std::optional<RedisReply>> next();

  private:
    struct Free {
        void operator()(redisReader* reader) const;
    };
    std::unique_ptr<redisReader, Free> reader_;
    RedisReply root_;          // the reply that is being read
    std::size_t waiting_ = 0;  // bytes since the last complete reply
};

void append_command(std::string& out, const RedisCommand& command);
void append_reply(std::string& out, const RedisReply& reply);

}  // namespace gw::state
