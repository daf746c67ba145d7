#include "control/state_change.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace gw::control {
namespace {

// A command that is not among these counts as one that changes something. Who logs in changes
// nothing, and his password is nobody else's to read.
constexpr auto kReads = std::to_array<std::string_view>(
    {"asking",        "auth",    "bitcount",   "client",  "command",     "dbsize",    "dump",
     "echo",          "exists",  "expiretime", "get",     "getrange",    "hello",     "hexists",
     "hget",          "hgetall", "hkeys",      "hlen",    "hmget",       "hscan",     "hvals",
     "info",          "keys",    "lastsave",   "latency", "lindex",      "llen",      "lrange",
     "memory",        "mget",    "monitor",    "object",  "pexpiretime", "ping",      "pttl",
     "randomkey",     "role",    "scan",       "scard",   "select",      "sismember", "slowlog",
     "smembers",      "sscan",   "strlen",     "time",    "ttl",         "type",      "wait",
     "xinfo",         "xlen",    "xrange",     "xread",   "xrevrange",   "zcard",     "zrange",
     "zrangebyscore", "zscan",   "zscore"});
static_assert(std::ranges::is_sorted(kReads));
constexpr std::size_t kDetailMax = 500;

// How many words of it may be shown: behind them there may be passwords.
std::size_t words_shown(std::string_view name) {
    return name == "config" || name == "acl" ? 2 : name == "migrate" ? 1 : SIZE_MAX;
}

}  // namespace

std::optional<gateway::SecurityEvent> state_change(const std::vector<std::string>& arguments,
                                                   std::string_view reply, std::string_view client,
                                                   WallTime now) {
    std::string name = arguments.front();
    std::ranges::transform(name, name.begin(), lower);
    if (std::ranges::binary_search(kReads, std::string_view(name))) {
        return std::nullopt;
    }
    std::string detail;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (i >= words_shown(name)) {
            detail += " …";
            break;
        }
        const std::string& argument = arguments[i];
        detail += (detail.empty() ? "" : " ") + argument;
        if (detail.size() > kDetailMax) {
            detail = detail.substr(0, kDetailMax) + "…";
            break;
        }
    }
    return gateway::SecurityEvent{
        .time = now,
        .kind = "state",
        .user = client.empty() ? "redis-cli" : "redis-cli:" + std::string(client),
        .tenant = {},
        .address = "127.0.0.1",
        .resource = arguments.size() > 1 && words_shown(name) > 1
                        ? arguments[1].substr(0, kDetailMax)
                        : std::string(),
        .decision = reply.starts_with('-') ? "refused" : "done",
        .status = 0,
        .detail = std::move(detail),
        .request_id = {}};
}

}  // namespace gw::control
