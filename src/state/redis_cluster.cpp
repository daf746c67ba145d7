#include "state/redis_cluster.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::state {
namespace {

constexpr std::size_t kMastersMax = 1'000;  // the largest cluster that Redis recommends

constexpr std::array<std::uint16_t, 256> make_table() {
    constexpr std::uint16_t kPolynomial = 0x1021;
    std::array<std::uint16_t, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        unsigned crc = byte << 8U;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ kPolynomial : crc << 1U;
        }
        table[byte] = static_cast<std::uint16_t>(crc & 0xFFFFU);
    }
    return table;
}
constexpr std::array<std::uint16_t, 256> kTable = make_table();

std::uint16_t crc16(std::string_view bytes) {
    unsigned crc = 0;
    for (const char c : bytes) {
        crc =
            ((crc << 8U) ^ kTable[((crc >> 8U) ^ static_cast<unsigned char>(c)) & 0xFFU]) & 0xFFFFU;
    }
    return static_cast<std::uint16_t>(crc);
}

using Kind = RedisReply::Kind;

std::optional<RedisHost> host_of(const RedisReply& node, const RedisHost& asked) {
    if (!node.is(Kind::list) || node.items.size() < 2 || !node.items[1].is(Kind::integer) ||
        node.items[1].integer < 1 || node.items[1].integer > 65'535) {
        return std::nullopt;
    }
    const std::string& name = node.items[0].text;
    return RedisHost{name.empty() || name == "?" ? asked.host : name,
                     static_cast<std::uint16_t>(node.items[1].integer)};
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(
        names, [name](std::string_view other) { return equal_ignore_case(name, other); });
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
    const std::size_t open = key.find('{');
    if (open != std::string_view::npos) {
        const std::size_t close = key.find('}', open + 1);
        if (close != std::string_view::npos && close != open + 1) {
            key = key.substr(open + 1, close - open - 1);
        }
    }
    return crc16(key) % kSlots;
}

std::optional<std::size_t> RedisMap::node_of(std::string_view key) const {
    if (node_of_slot.empty()) {
        return masters.empty() ? std::nullopt : std::optional<std::size_t>(0);
    }
    const std::uint16_t node = node_of_slot[slot_of(key)];
    return node == kNobody ? std::nullopt : std::optional<std::size_t>(node);
}

std::optional<RedisMap> read_slots(const RedisReply& reply, const RedisHost& asked) {
    if (!reply.is(Kind::list)) {
        return std::nullopt;
    }
    RedisMap map;
    map.node_of_slot.assign(kSlots, RedisMap::kNobody);
    for (const RedisReply& range : reply.items) {
        if (!range.is(Kind::list) || range.items.size() < 3) {
            return std::nullopt;
        }
        const std::int64_t first = range.items[0].integer;
        const std::int64_t last = range.items[1].integer;
        const auto host = host_of(range.items[2], asked);
        if (first < 0 || last < first || last >= kSlots || !host) {
            return std::nullopt;
        }
        auto at = std::ranges::find(map.masters, *host);
        if (at == map.masters.end()) {
            if (map.masters.size() == kMastersMax) {
                return std::nullopt;
            }
            at = map.masters.insert(map.masters.end(), *host);
        }
        std::fill(map.node_of_slot.begin() + first, map.node_of_slot.begin() + last + 1,
                  static_cast<std::uint16_t>(at - map.masters.begin()));
    }
    return map.masters.empty() ? std::nullopt : std::optional(std::move(map));
}

std::optional<std::string_view> first_key(const RedisCommand& command) {
    if (command.empty()) {
        return std::nullopt;
    }
    const std::string_view name = command[0];
    std::size_t at = 1;
    if (is_one_of(name, {"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})) {
        if (command.size() < 3 || command[2] == "0") {
            return std::nullopt;
        }
        at = 3;
    } else if (is_one_of(name, {"OBJECT", "MEMORY", "XINFO", "XGROUP", "BITOP"})) {
        at = 2;
    } else if (is_one_of(name,
                         {"PING",      "ECHO",   "INFO",     "CLUSTER",      "CLIENT",   "CONFIG",
                          "COMMAND",   "DBSIZE", "TIME",     "SCAN",         "KEYS",     "FLUSHALL",
                          "FLUSHDB",   "SCRIPT", "FUNCTION", "ACL",          "LATENCY",  "SLOWLOG",
                          "RANDOMKEY", "ROLE",   "PUBLISH",  "PUBSUB",       "LASTSAVE", "SAVE",
                          "BGSAVE",    "DEBUG",  "MODULE",   "BGREWRITEAOF", "SHUTDOWN"})) {
        return std::nullopt;
    }
    return at < command.size() ? std::optional<std::string_view>(command[at]) : std::nullopt;
}

}  // namespace gw::state
