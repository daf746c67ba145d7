// Sends requests away while this process is short of memory, those first that matter least: one
// that is refused at once is better off than one that is killed half-way with all others.
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "gateway/turn.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    const Pressure pressure = x.shard.pressure();
    if (pressure == Pressure::none) [[likely]] {
        return go_on();
    }
    const upstream::Priority priority = priority_of(x);
    const bool stays = pressure == Pressure::low      ? priority != upstream::Priority::low
                       : pressure == Pressure::normal ? priority == upstream::Priority::high
                                                      : false;
    if (stays) {
        return go_on();
    }
    x.shard.metrics().shed[static_cast<std::size_t>(priority)].add();
    return refuse(Code::overloaded, "the gateway is short of memory");
}

}  // namespace

namespace stages {
extern constinit const Stage overload = stage<decide>("overload");
}

}  // namespace gw::gateway
