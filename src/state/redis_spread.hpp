// Commands about all keys, in a Cluster, where each master has its own: which to ask, and what the
// answers come to. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "state/redis_reply.hpp"

namespace gw::state {

// Does it go to every master? (KEYS, DBSIZE, FLUSHALL, FLUSHDB)
bool goes_to_all(const RedisCommand& command);
// One reply made of theirs, at least one: the first error, else all keys, the sum, or OK.
RedisReply joined(std::vector<RedisReply> replies);

// SCAN goes from master to master: a cursor is the one of the master times how many there are, and
// which one it is.
struct ScanStep {
    std::size_t node = 0;
    RedisCommand command;  // with the master's own cursor
};
// Nothing: it is no SCAN, or one with a cursor that we have not given. nodes: at least one.
std::optional<ScanStep> scan_step(const RedisCommand& command, std::size_t nodes);
// reply: the master's, to step.command; its cursor becomes ours.
RedisReply after_step(RedisReply reply, const ScanStep& step, std::size_t nodes);

}  // namespace gw::state
