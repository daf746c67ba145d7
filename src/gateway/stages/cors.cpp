// Answers the question that browsers ask before a request of another origin, for every path alike:
// what they are told stands in gateway/edge.cpp. A page that may not is not granted anything; that
// is no error of the request.
#include "gateway/edge.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    if (x.head().method != http::Method::options) [[likely]] {
        return go_on();
    }
    if (!answers_preflight(x.generation.site->edge.get(), x.head())) {
        return go_on();
    }
    x.own.status = 204;
    x.own.content_type = {};
    return answer();
}

}  // namespace

namespace stages {
extern constinit const Stage cors = stage<decide>("cors");
}

}  // namespace gw::gateway
