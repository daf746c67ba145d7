// Finds the servers that hold the keys: the one that is configured, the master that the Sentinels
// name, or the masters of a Cluster.
#pragma once

#include <memory>

#include "net/resolver.hpp"
#include "state/redis_cluster.hpp"
#include "state/redis_connection.hpp"

namespace gw::state {

class RedisTopology {
  public:
    RedisTopology(net::Loop& loop, net::Resolver& resolver, const RedisPlace& place,
                  const RedisTlsContext* tls);

    // Each Sentinel or known node of the Cluster is asked until one answers.
    net::Task<Result<RedisMap>> find();
    net::Task<Result<net::Address>> resolve(RedisHost host);
    void cancel();

  private:
    net::Task<Result<RedisReply>> ask(RedisHost host, RedisLogin login, RedisCommand question);
    net::Task<Result<RedisMap>> ask_one(RedisHost host);

    net::Loop& loop_;
    net::Resolver& resolver_;
    const RedisPlace& place_;
    const RedisTlsContext* tls_;
    std::vector<RedisHost> known_;  // who may be asked, the one that answered last first
    RedisConnection* asking_ = nullptr;
    bool cancelled_ = false;
};

}  // namespace gw::state
