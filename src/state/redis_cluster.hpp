// Which keys live where in a Redis Cluster, and which keys a command names. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "state/redis_options.hpp"
#include "state/redis_reply.hpp"

namespace gw::state {

inline constexpr std::uint16_t kSlots = 16'384;

// CRC16 (XMODEM) of the key, or of what stands between its first "{" and the next "}" if that is
// not empty, modulo 16384 (Redis Cluster Specification, "Key distribution model").
std::uint16_t slot_of(std::string_view key);

struct RedisMap {
    std::vector<RedisHost> masters;
    std::vector<std::uint16_t> node_of_slot;  // position in masters; empty: all at the first

    static constexpr std::uint16_t kNobody = 0xFFFF;
    // Position of the master that has the key.
    [[nodiscard]] std::optional<std::size_t> node_of(std::string_view key) const;
    bool operator==(const RedisMap&) const = default;
};

// The reply to CLUSTER SLOTS. asked: stands in for a host that the server leaves out.
std::optional<RedisMap> read_slots(const RedisReply& reply, const RedisHost& asked);

// The key that decides where a command goes; nothing if it names none.
std::optional<std::string_view> first_key(const RedisCommand& command);

}  // namespace gw::state
