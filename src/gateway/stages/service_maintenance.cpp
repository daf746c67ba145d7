// Turns writes, or everything, away from the routes of a service that is under maintenance
// (`maintenance:mode:<service>` in the state, windows with `services`).
#include "gateway/service_maintenance.hpp"

#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {

bool is_closed(const Exchange& x, std::size_t service, WallTime& until) {
    const state::Known& known = x.shard.access().known();
    if (!known.maintains_services() || service == kNoService) [[likely]] {
        return false;
    }
    const state::Known::OfService one = known.maintenance_of(
        x.generation.site->services[service].name, x.shard.loop().clock().wall);
    until = one.until;
    return one.mode == state::Maintenance::down ||
           (one.mode == state::Maintenance::read_only && writes(x.head().method));
}

std::int64_t seconds_closed(const Exchange& x, WallTime until) {
    return until == WallTime::max()
               ? 0
               : std::chrono::ceil<std::chrono::seconds>(until - x.shard.loop().clock().wall)
                     .count();
}

Verdict refuse_closed(Exchange& x, WallTime until) {
    if (const std::int64_t seconds = seconds_closed(x, until); seconds > 0) {
        x.retry_after_s = seconds;
    }
    return refuse(Code::maintenance, "this part of the platform is under maintenance");
}

namespace {

Verdict decide(Exchange& x) {
    WallTime until{};
    return is_closed(x, x.service_index, until) ? refuse_closed(x, until) : go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage service_maintenance = stage<decide>("service_maintenance");
}

}  // namespace gw::gateway
