// Tells a server that has lost what gateways have seen there from one that has not: a restart from
// nothing or from an old file, a failover to a replica that was behind.
//
// Each gateway that may write counts, in a hash of the server itself, under the name of the
// server's life (its run id), whenever it has read changes. Redis keeps writes in their order, so a
// server on which a life's count is at least as high as it was when we counted last has everything
// that we had read by then; one that counts less, or not at all, has not. Where nothing can be
// counted, a server that has no keys left must do as a sign. Who only reads goes by the counts of
// others, which may be a second old.
//
// Pinned; one loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "state/redis_servers.hpp"

namespace gw::state {

class RedisLives {
  public:
    RedisLives(net::Loop& loop, RedisServers& servers, const RedisPlace& place);

    // Before all is listed: compares what the servers count with what is remembered.
    net::Task<Result<void>> look();
    // Behind it. keys: how many were listed at each node.
    void weigh(const std::vector<std::size_t>& keys);

    // What was not listed may have been lost. Stays so until settle(), or, for who only reads,
    // until those who write have been there.
    [[nodiscard]] bool in_doubt() const { return !doubts_.empty(); }
    // Positions of the nodes that should have it.
    [[nodiscard]] std::set<std::size_t> nodes_in_doubt() const;
    // What was listed is what there is.
    void settle();

    // A change has been read that is not counted yet.
    void note_change() { uncounted_ = !place_.read_only; }
    [[nodiscard]] bool must_count() const { return uncounted_; }
    // nullptr: the servers take writes; else why not, a literal.
    net::Task<Result<const char*>> count();

  private:
    struct Life {
        std::string key;                      // of the hash
        std::string run_id;                   // its field
        std::optional<std::int64_t> count{};  // nothing: it cannot be counted
    };
    using Counts = std::map<std::string, std::int64_t>;  // by run id

    net::Task<Result<std::optional<Counts>>> read(std::string key);
    net::Task<Result<void>> read_all();
    net::Task<Result<bool>> has_lost(Life life);
    net::Task<Result<void>> trim(RedisNode& node, std::string key);
    [[nodiscard]] bool goes_on(const Life& life) const;
    [[nodiscard]] std::string key_at(std::size_t node, const std::string& before) const;

    net::Loop& loop_;
    RedisServers& servers_;
    const RedisPlace& place_;
    std::vector<Life> lives_;   // of the servers that were listed last
    std::vector<Life> others_;  // what others count, as read before the listing
    std::vector<Life> doubts_;  // of lives_, those whose end has cost something
    bool uncounted_ = false;
};

}  // namespace gw::state
