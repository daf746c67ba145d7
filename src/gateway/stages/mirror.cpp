// Sends copies of some of a route's requests to another service, see gateway/request_copy.hpp.
#include "gateway/request_copy.hpp"

#include <algorithm>

#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

using http::Known;

Verdict decide(Exchange& x, const MirrorOptions& o) {
    if (may_be_copied(x, o) && x.shard.random().below(100) < o.percent) {
        mirror(x, o);
    }
    return go_on();
}

}  // namespace

bool may_be_copied(const Exchange& x, const MirrorOptions& options) {
    return x.websocket == nullptr &&
           std::ranges::find(options.methods, x.head().method) != options.methods.end();
}

bool mark_copy(const MirrorOptions& options, http::Headers& headers) {
    if (!options.credentials) {
        headers.erase_if([](const http::Field& field) {
            return field.known == Known::authorization || field.known == Known::cookie ||
                   field.known == Known::x_api_key;
        });
    }
    // Of those names that no client can send.
    return headers.add_other("X-Gateway-Mirrored", "true");
}

namespace stages {
extern constinit const Stage mirror = stage<MirrorOptions, decide>("mirror");
}

const MirrorOptions* mirror_of(const StageOptionsList& options) {
    return static_cast<const MirrorOptions*>(find_options(options, stages::mirror));
}

}  // namespace gw::gateway
