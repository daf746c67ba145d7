// Which policies a route's requests count under.
#pragma once

#include <string>
#include <vector>

#include "gateway/stage.hpp"
#include "limits/policy.hpp"

namespace gw::gateway {

struct RateLimitOptions : StageOptions {
    std::vector<std::string> policies{"general"};
    std::uint64_t body_bytes_max = 16'384;
};

// A request has room for so many permits that may go back.
inline constexpr std::size_t kFailurePoliciesMax = 2;

template <class Visitor>
void fields(Visitor& field, RateLimitOptions& o) {
    field(
        "policies", o.policies,
        "policies of `limits` under which requests count, all of them, of which at most two count "
        "failures only; an empty list: none");
    field("body_bytes_max", o.body_bytes_max, config::Range{0, 1'048'576},
          "form and JSON bodies up to this size are held where a policy's key names a parameter "
          "that the path has not");
}

// Under which key a policy counts this request, whose caller is known.
limits::KeyText rate_limit_key(const Exchange& x, const limits::Policy& policy);

// How much of it this policy gives that caller. Lives as long as the policy.
const limits::Quota& rate_limit_quota(const Exchange& x, const limits::Policy& policy);

// Those of a route; null where the stage does not run.
const RateLimitOptions* rate_limit_of(const StageOptionsList& options);

}  // namespace gw::gateway
