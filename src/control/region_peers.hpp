// Follows the state of other regions, so that their bans and revocations are in force here too.
// Their Redis is only read. A region that is away changes nothing here but a metric and a line in
// the log. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "observe/log.hpp"
#include "state/redis_store.hpp"
#include "state/region_union.hpp"

namespace gw::control {

class RegionPeers {
  public:
    // Told of each peer (its host and port) whether it is followed.
    using Tell = std::function<void(const std::string& peer, bool up)>;

    // behind: what our own store and the others' tell together. name_servers: as net::Resolver
    // takes them.
    RegionPeers(net::Loop& loop, observe::Log& log, std::vector<state::RedisPlace> places,
                const std::string& name_servers, state::Follower& behind, Tell tell);
    RegionPeers(const RegionPeers&) = delete;
    RegionPeers& operator=(const RegionPeers&) = delete;

    // What our own store tells.
    [[nodiscard]] state::Follower& own() { return union_.own(); }
    // All of the others have once told all that they know.
    [[nodiscard]] bool told_all() const;
    net::Task<void> stop();

  private:
    void changed(std::size_t peer, bool available, const char* why);

    observe::Log& log_;
    Tell tell_;
    std::vector<std::string> names_;
    state::RegionUnion union_;
    std::vector<std::unique_ptr<state::RedisStore>> stores_;
};

}  // namespace gw::control
