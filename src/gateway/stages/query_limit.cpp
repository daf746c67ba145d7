// Refuses a request with more query parameters than a route can mean.
// Some frameworks behind us parse parameters in quadratic time; this bounds what they see.
#include <algorithm>

#include "gateway/exchange.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

// [stage
struct QueryLimit : StageOptions {
    std::uint64_t parameters_max = 64;
};

template <class Visitor>
void fields(Visitor& field, QueryLimit& o) {
    field("parameters_max", o.parameters_max, config::Range{1, 1000},
          "most query parameters accepted");
}

Verdict decide(Exchange& x, const QueryLimit& o) {
    const auto count = 1 + std::ranges::count(x.query(), '&');
    if (static_cast<std::uint64_t>(count) > o.parameters_max) {
        return refuse(Code::bad_request, "too many query parameters");
    }
    return go_on();
}
// stage]

}  // namespace

namespace stages {
extern constinit const Stage query_limit = stage<QueryLimit, decide>("query_limit");
}

}  // namespace gw::gateway
