// The servers that hold the keys, one or the masters of a Cluster, all connected or none: commands
// go to the one that has their key, and follow it when it has moved. Pinned; one loop's thread.
#pragma once

#include <memory>
#include <vector>

#include "state/redis_node.hpp"
#include "state/redis_topology.hpp"

namespace gw::state {

class RedisServers {
  public:
    // optional: as commands, but a refusal is not told; it is known what to do without.
    enum class Via : std::uint8_t { commands, optional, relay };

    RedisServers(net::Loop& loop, const RedisPlace& place, const RedisTlsContext* tls,
                 RedisTopology& topology, RedisRefusals& refusals, RedisNode::Owner& owner);

    // Finds and connects all of them. Ends what was there before.
    net::Task<Result<void>> open(std::vector<std::string> prefixes);
    net::Task<void> end();
    // What waits fails, and the owner is told of the loss.
    void give_up(Error why);

    // Asks again where the keys are. False: not at the servers that are connected.
    net::Task<Result<bool>> look_again();
    // A key was not where the map has it.
    [[nodiscard]] bool map_is_old() const { return map_is_old_; }

    // An error of Redis is a reply too. Errors: unreachable, timeout, and how the connection ended.
    net::Task<Result<RedisReply>> run(RedisCommand command, Via via, Millis within);

    // Asks whether what was refused is permitted now. True: some of it is.
    net::Task<Result<bool>> try_refused(Millis within);

    // An operator's command; those about all keys go to all of the servers.
    net::Task<Result<RedisReply>> relay(RedisCommand command, Millis within);

    [[nodiscard]] const std::vector<std::unique_ptr<RedisNode>>& nodes() const { return nodes_; }
    // Position of the node that has the key.
    [[nodiscard]] std::optional<std::size_t> node_of(std::string_view key) const;
    // The oldest proof of life; nothing when not connected.
    [[nodiscard]] std::optional<Instant> confirmed() const;

  private:
    // Until operators' connections, which one command may have cost, are there again; not for long.
    net::Task<void> await_relays(Instant deadline);
    net::Task<Result<void>> add(RedisHost host, std::vector<std::string> prefixes);
    [[nodiscard]] RedisNode* node_for(const RedisCommand& command) const;
    [[nodiscard]] RedisNode* node_at(const RedisHost& host) const;

    net::Loop& loop_;
    const RedisPlace& place_;
    const RedisTlsContext* tls_;
    RedisTopology& topology_;
    RedisRefusals& refusals_;
    RedisNode::Owner& owner_;
    RedisMap map_;
    bool open_ = false;
    bool map_is_old_ = false;
    std::vector<std::unique_ptr<RedisNode>> nodes_;
};

}  // namespace gw::state
