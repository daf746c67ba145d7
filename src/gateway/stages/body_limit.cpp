// Refuses a body over the route's limit: at once when its length is announced, else as soon as it
// has passed it.
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    const http::RequestHead& head = x.head();
    if (head.framing == http::Framing::length && head.content_length > x.body_max) {
        return refuse(Code::payload_too_large,
                      "the request body is larger than this route accepts");
    }
    x.stream.limit_body(x.body_max);
    return go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage body_limit = stage<decide>("body_limit");
}

}  // namespace gw::gateway
