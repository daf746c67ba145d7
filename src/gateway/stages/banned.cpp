// Turns away addresses that are banned: before anything else is spent on them.
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    const state::Known& known = x.shard.access().known();
    if (!known.bans.by_address(x.client, x.shard.loop().clock().wall)) {
        return go_on();
    }
    report_violation(x, observe::Violation::banned_access, "the address is banned", "blocked", 403);
    return refuse(Code::banned, "requests from this address are not accepted");
}

}  // namespace

namespace stages {
extern constinit const Stage banned = stage<decide>("banned");
}

}  // namespace gw::gateway
