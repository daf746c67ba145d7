// What an operator may set about the shared state.
#pragma once

#include <cstdint>

#include "config/field.hpp"
#include "state/redis_options.hpp"

namespace gw::state {

struct StateOptions {
    std::uint16_t resp_port = 6379;
    RedisOptions redis;
};

template <class Visitor>
void fields(Visitor& field, StateOptions& o) {
    using namespace config;
    field(
        "resp_port", o.resp_port, Env{"RESP_PORT"}, Range{0, 65535},
        "port on 127.0.0.1 where `redis-cli` reaches the state, whichever backend it is; 0: none");
    field("redis", o.redis, "where Redis is; without it state is kept in this process");
}

}  // namespace gw::state
