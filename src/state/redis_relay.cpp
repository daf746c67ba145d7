#include "state/redis_relay.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "state/glob.hpp"
#include "state/resp_session.hpp"

namespace gw::state {
namespace {

struct Barred {
    std::string_view command;
    std::string_view why;
};

constexpr std::string_view kSubscribes = "subscriptions are not relayed by the gateway";
constexpr std::string_view kTransaction =
    "transactions are not relayed by the gateway; use EVAL for several changes at once";
constexpr std::string_view kBlocks = "commands that wait are not relayed by the gateway";
constexpr std::string_view kConnection =
    "this would change the gateway's own connection, and is not relayed";
// One slip here would hit every gateway; who has to do that speaks to the server itself.
constexpr std::string_view kServer =
    "this is about the Redis server that gateways share, and is not relayed; ask the server itself";

constexpr std::array kBarred{
    Barred{"SUBSCRIBE", kSubscribes},
    Barred{"PSUBSCRIBE", kSubscribes},
    Barred{"SSUBSCRIBE", kSubscribes},
    Barred{"UNSUBSCRIBE", kSubscribes},
    Barred{"PUNSUBSCRIBE", kSubscribes},
    Barred{"SUNSUBSCRIBE", kSubscribes},
    Barred{"MONITOR", kSubscribes},
    Barred{"MULTI", kTransaction},
    Barred{"EXEC", kTransaction},
    Barred{"DISCARD", kTransaction},
    Barred{"WATCH", kTransaction},
    Barred{"UNWATCH", kTransaction},
    Barred{"BLPOP", kBlocks},
    Barred{"BRPOP", kBlocks},
    Barred{"BRPOPLPUSH", kBlocks},
    Barred{"BLMOVE", kBlocks},
    Barred{"BLMPOP", kBlocks},
    Barred{"BZPOPMIN", kBlocks},
    Barred{"BZPOPMAX", kBlocks},
    Barred{"BZMPOP", kBlocks},
    Barred{"WAIT", kBlocks},
    Barred{"WAITAOF", kBlocks},
    Barred{"SYNC", kConnection},
    Barred{"PSYNC", kConnection},
    Barred{"REPLCONF", kConnection},
    Barred{"RESET", kConnection},
    Barred{"QUIT", kConnection},
    Barred{"READONLY", kConnection},
    Barred{"READWRITE", kConnection},
    Barred{"ASKING", kConnection},
    Barred{"MIGRATE", kBlocks},
    Barred{"SHUTDOWN", kServer},
    Barred{"DEBUG", kServer},
    Barred{"REPLICAOF", kServer},
    Barred{"SLAVEOF", kServer},
    Barred{"FAILOVER", kServer},
    Barred{"MODULE", kServer},
    Barred{"ACL", kServer},
    Barred{"SWAPDB", kServer},
    Barred{"SAVE", kServer},
};

// Of CLIENT: what concerns the connection that asks.
constexpr std::array<std::string_view, 10> kClientBarred{
    "REPLY",    "TRACKING", "CACHING", "SETNAME", "NO-EVICT",
    "NO-TOUCH", "SETINFO",  "PAUSE",   "KILL",    "UNBLOCK"};

// Of CLUSTER: what only tells.
constexpr std::array<std::string_view, 8> kClusterTells{
    "INFO", "NODES", "SLOTS", "SHARDS", "MYID", "KEYSLOT", "COUNTKEYSINSLOT", "LINKS"};

// The port has a password of its own, and those who know it need not know these.
constexpr std::array<std::string_view, 5> kServerSecrets{
    "requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"};

RedisReply error(std::string text) {
    return {RedisReply::Kind::error, 0, std::move(text), {}};
}

RedisReply done() {
    return {RedisReply::Kind::status, 0, "OK", {}};
}

RedisReply authenticate(const RedisCommand& command, const RedisPlace& place) {
    if (command.size() != 2 && command.size() != 3) {
        return error("ERR wrong number of arguments for 'auth' command");
    }
    if (place.password.empty()) {
        return error("ERR AUTH called without any password configured");
    }
    const std::string_view own = place.user.empty() ? "default" : std::string_view(place.user);
    const bool same_user = command.size() == 2 || command[1] == own;
    return same_user && same_secret(command.back(), place.password)
               ? done()
               : error("WRONGPASS invalid username-password pair");
}

// CONFIG and CLUSTER tell much that operators want to know, and change more.
bool changes_server(const RedisCommand& command) {
    const bool config = equal_ignore_case(command[0], "CONFIG");
    if ((!config && !equal_ignore_case(command[0], "CLUSTER")) || command.size() < 2) {
        return config;
    }
    const auto is = [&](std::string_view word) { return equal_ignore_case(command[1], word); };
    if (!config) {
        return std::ranges::none_of(kClusterTells, is);
    }
    return !is("GET") || std::any_of(command.begin() + 2, command.end(), [](std::string pattern) {
        std::ranges::transform(pattern, pattern.begin(), lower);
        return std::ranges::any_of(
            kServerSecrets, [&](std::string_view secret) { return glob_matches(pattern, secret); });
    });
}

bool blocks(const RedisCommand& command) {
    return (equal_ignore_case(command[0], "XREAD") ||
            equal_ignore_case(command[0], "XREADGROUP")) &&
           std::ranges::any_of(command, [](const std::string& argument) {
               return equal_ignore_case(argument, "BLOCK");
           });
}

}  // namespace

std::optional<RedisReply> answer_here(const RedisCommand& command, const RedisPlace& place) {
    if (command.empty() || command[0].empty()) {
        return error("ERR an empty command");
    }
    const std::string_view name = command[0];
    if (equal_ignore_case(name, "AUTH")) {
        return authenticate(command, place);
    }
    if (equal_ignore_case(name, "SELECT")) {
        const bool same = command.size() == 2 && command[1] == std::to_string(place.db);
        return same ? done()
                    : error("ERR only database " + std::to_string(place.db) + " is relayed");
    }
    if (equal_ignore_case(name, "HELLO")) {
        return error("NOPROTO only RESP2 is spoken here");
    }
    for (const Barred& barred : kBarred) {
        if (equal_ignore_case(name, barred.command)) {
            return error("ERR " + std::string(barred.why));
        }
    }
    if (changes_server(command)) {
        return error("ERR " + std::string(kServer));
    }
    // Asked by redis-cli at its start, which then shows its own help: nested deeper than is read.
    if (equal_ignore_case(name, "COMMAND") && command.size() > 1 &&
        equal_ignore_case(command[1], "DOCS")) {
        return RedisReply{RedisReply::Kind::list, 0, {}, {}};
    }
    if (equal_ignore_case(name, "CLIENT") && command.size() > 1 &&
        std::ranges::any_of(kClientBarred, [&command](std::string_view barred) {
            return equal_ignore_case(command[1], barred);
        })) {
        return error("ERR " + std::string(kConnection));
    }
    if (equal_ignore_case(name, "SCRIPT") && command.size() > 1 &&
        equal_ignore_case(command[1], "DEBUG")) {
        return error("ERR " + std::string(kConnection));
    }
    if (blocks(command)) {
        return error("ERR " + std::string(kBlocks));
    }
    return std::nullopt;
}

}  // namespace gw::state
