// Turns writes, or everything, away while operators have said so (`maintenance:mode` in the state).
#include "gateway/edge.hpp"
#include "gateway/service_maintenance.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    const state::Known& known = x.shard.access().known();
    const WallTime now = x.shard.loop().clock().wall;
    const state::Maintenance mode = known.maintenance(now);
    if (mode == state::Maintenance::off ||
        (mode == state::Maintenance::read_only && !writes(x.head().method))) {
        return go_on();
    }
    // A page whose question is refused is not told why: the request behind it is, and it may read
    // that.
    if (answers_preflight(x.generation.site->edge.get(), x.head())) {
        return go_on();
    }
    if (known.maintenance_end(now) != WallTime::max()) {
        x.retry_after_s =
            std::chrono::ceil<std::chrono::seconds>(known.maintenance_end(now) - now).count();
    }
    return refuse(Code::maintenance, mode == state::Maintenance::down
                                         ? "the platform is under maintenance"
                                         : "the platform is under maintenance and only read");
}

}  // namespace

namespace stages {
extern constinit const Stage maintenance = stage<decide>("maintenance");
}

}  // namespace gw::gateway
