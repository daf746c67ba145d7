#include "state/redis_spread.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.hpp"

namespace gw::state {
namespace {

using Kind = RedisReply::Kind;

constexpr std::array<std::string_view, 4> kOfAllKeys{"KEYS", "DBSIZE", "FLUSHALL", "FLUSHDB"};

}  // namespace

bool goes_to_all(const RedisCommand& command) {
    return !command.empty() && std::ranges::any_of(kOfAllKeys, [&](std::string_view name) {
        return equal_ignore_case(command[0], name);
    });
}

RedisReply joined(std::vector<RedisReply> replies) {
    const auto wrong = std::ranges::find_if(
        replies, [](const RedisReply& reply) { return reply.is(Kind::error); });
    if (wrong != replies.end()) {
        return std::move(*wrong);
    }
    RedisReply whole = std::move(replies.front());
    for (std::size_t i = 1; i < replies.size(); ++i) {
        whole.integer += replies[i].integer;
        std::ranges::move(replies[i].items, std::back_inserter(whole.items));
    }
    return whole;
}

std::optional<ScanStep> scan_step(const RedisCommand& command, std::size_t nodes) {
    if (command.size() < 2 || !equal_ignore_case(command[0], "SCAN")) {
        return std::nullopt;
    }
    const auto cursor = parse_decimal(command[1]);
    if (!cursor) {
        return std::nullopt;
    }
    ScanStep step{*cursor % nodes, command};
    step.command[1] = std::to_string(*cursor / nodes);
    return step;
}

RedisReply after_step(RedisReply reply, const ScanStep& step, std::size_t nodes) {
    if (!reply.is(Kind::list) || reply.items.size() != 2) {
        return reply;
    }
    const auto cursor = parse_decimal(reply.items[0].text);
    std::uint64_t whole = 0;
    if (!cursor || __builtin_mul_overflow(*cursor, nodes, &whole) ||
        __builtin_add_overflow(whole, step.node, &whole)) {
        return {
            Kind::error, 0, "ERR the cursor of a Redis server is too large to be told apart", {}};
    }
    if (*cursor == 0) {
        whole = step.node + 1 < nodes ? step.node + 1 : 0;
    }
    reply.items[0].text = std::to_string(whole);
    return reply;
}

}  // namespace gw::state
