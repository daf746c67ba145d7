// What of an operator's command may go to Redis over a connection that is not his alone, and what
// is answered here. Pure; any thread.
#pragma once

#include <optional>

#include "state/redis_options.hpp"
#include "state/redis_reply.hpp"

namespace gw::state {

// The answer to what is not passed on: commands that would change the connection, hold it up, or
// have replies of another form; those that end or change the server itself or tell its passwords;
// AUTH and SELECT, which the gateway has done already.
std::optional<RedisReply> answer_here(const RedisCommand& command, const RedisPlace& place);

}  // namespace gw::state
