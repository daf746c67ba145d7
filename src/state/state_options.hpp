// What an operator may set about the shared state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/field.hpp"
#include "state/redis_options.hpp"

namespace gw::state {

struct StateOptions {
    std::uint16_t resp_port = 6379;
    std::string resp_password;
    std::string snapshot;
    RedisOptions redis;
    std::vector<std::string> peers;
};

template <class Visitor>
void fields(Visitor& field, StateOptions& o) {
    using namespace config;
    field(
        "resp_port", o.resp_port, Env{"RESP_PORT"}, Range{0, 65535}, AtStart{}, OwnOfEach{},
        "port on 127.0.0.1 where `redis-cli` reaches the state, whichever backend it is; 0: none");
    field("resp_password", o.resp_password, Env{"RESP_PASSWORD"}, Secret{},
          "password that `redis-cli` must give at that port (AUTH); empty: none is asked for");
    field("snapshot", o.snapshot, Env{"STATE_SNAPSHOT_FILE"}, AtStart{}, OwnOfEach{},
          "file in which bans, revocations, containments, maintenance and what operators have "
          "changed "
          "for a time outlive a restart when state is kept in this process; empty: they do not. "
          "Its folder must be writable, and the file this "
          "process's own");
    field("redis", o.redis, AtStart{}, OwnOfEach{},
          "where Redis is; without it state is kept in this process");
    field("peers", o.peers, Env{"REGION_PEERS"}, Secret{}, Check{check_redis_url, ""}, AtStart{},
          OwnOfEach{},
          "Redis of each other region, as URLs; their bans and revocations are in force here too. "
          "They are only read, and may be away");
}

}  // namespace gw::state
