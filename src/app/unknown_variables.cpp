#include "app/unknown_variables.hpp"

#include <algorithm>
#include <array>

namespace gw::app {
namespace {

// Names that begin so are ours: one that nobody knows is a slip of a finger.
constexpr std::array<std::string_view, 12> kOurPrefixes{
    "JWT_",   "REDIS_", "RATE_LIMIT_", "CIRCUIT_BREAKER_", "TIMEOUT_",     "SHUTDOWN_",
    "ADMIN_", "TLS_",   "RESP_",       "INTERNAL_HMAC_",   "TRUSTED_PROX", "ALLOWED_ORIGIN"};
constexpr std::string_view kServiceUrl = "_SERVICE_URL";

bool looks_like_ours(std::string_view name) {
    return name.ends_with(kServiceUrl) ||
           std::ranges::any_of(kOurPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

}  // namespace

void check_unknown_variables(config::Reading& reading) {
    const std::vector<std::string_view> known(reading.variables.begin(), reading.variables.end());
    for (const auto& [name, value] : reading.environment.values()) {
        if (!looks_like_ours(name) || reading.variables.contains(name)) {
            continue;
        }
        const std::string_view meant = config::nearest(name, known);
        std::string remedy = "unset it";
        if (!meant.empty()) {
            remedy = "did you mean " + std::string(meant) + "?";
        } else if (name.ends_with(kServiceUrl)) {
            remedy = "unset it, or describe the service under `services`";
        }
        reading.blame_variable(name, name + " is no setting", std::move(remedy));
    }
}

}  // namespace gw::app
