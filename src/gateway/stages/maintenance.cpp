// Turns writes, or everything, away while operators have said so (`maintenance:mode` in the state).
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

// CONNECT opens a WebSocket, as GET does in HTTP/1.1.
bool writes(http::Method method) {
    return method != http::Method::get && method != http::Method::head &&
           method != http::Method::options && method != http::Method::connect;
}

Verdict decide(Exchange& x) {
    const state::Known& known = x.shard.access().known();
    const WallTime now = x.shard.loop().clock().wall;
    const state::Maintenance mode = known.maintenance(now);
    if (mode == state::Maintenance::off ||
        (mode == state::Maintenance::read_only && !writes(x.head().method))) {
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

constinit const Stage stages::maintenance = stage<decide>("maintenance");

}  // namespace gw::gateway
