// What an operator may set about browsers of other origins (Fetch, 3.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::gateway {

struct CorsOptions {
    std::vector<std::string> origins;
    std::vector<std::string> methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    std::vector<std::string> headers{"Authorization",    "Content-Type", "X-API-Key",
                                     "Idempotency-Key",  "X-Request-Id", "X-Correlation-Id",
                                     "X-Requested-With", "traceparent"};
    std::vector<std::string> exposed{"X-Request-Id",          "X-Correlation-Id",
                                     "Retry-After",           "X-RateLimit-Limit",
                                     "X-RateLimit-Remaining", "X-RateLimit-Reset"};
    bool credentials = true;
    std::uint64_t max_age_s = 600;
};

// An origin as a browser writes it, one that stands for all true subdomains, or `*`.
std::optional<config::Flaw> check_cors_origin(std::string_view origin);
std::optional<config::Flaw> check_token(std::string_view name);
// What the fields together may not be.
std::optional<config::Flaw> flaw_of(const CorsOptions& options);

template <class Visitor>
void fields(Visitor& field, CorsOptions& o) {
    using namespace config;
    constexpr std::string_view kOrigin = R"(^(\*|[a-z][a-z0-9+.-]*://(\*\.)?[^/*\s]+)$)";
    constexpr std::string_view kToken = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
    field("origins", o.origins, Env{"ALLOWED_ORIGINS"}, Check{check_cors_origin, kOrigin},
          "origins whose pages may read answers: `https://app.example.com` exactly, "
          "`https://*.example.com` for every name below it (and not itself), or `*` for all, "
          "without credentials; none: the services answer for themselves");
    field("methods", o.methods, Check{check_token, kToken}, "methods that such pages may use");
    field("headers", o.headers, Check{check_token, kToken},
          "request headers that such pages may set");
    field("exposed_headers", o.exposed, Check{check_token, kToken},
          "answer headers that such pages may read");
    field("credentials", o.credentials, "whether requests may carry cookies and credentials");
    field("max_age_s", o.max_age_s, Range{0, 86'400},
          "how long a browser may remember the answer to its question");
}

}  // namespace gw::gateway
