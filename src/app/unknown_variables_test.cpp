#include "app/unknown_variables.hpp"

#include <gtest/gtest.h>

namespace gw::app {
namespace {

using config::Environment;
using config::Reading;

Reading reading_of(Environment::Values variables) {
    Reading reading;
    reading.environment = Environment(std::move(variables));
    return reading;
}

std::vector<std::string> mistakes_of(Environment::Values variables) {
    Reading reading = reading_of(std::move(variables));
    check_unknown_variables(reading);
    std::vector<std::string> out;
    for (const config::Mistake& mistake : reading.mistakes) {
        out.push_back(mistake.to_string());
    }
    return out;
}

TEST(UnknownVariables, AreMistakesWhenTheyLookLikeOurs) {
    EXPECT_EQ(mistakes_of({{"TLS_PORTT", "1"}}).size(), 1U);
    EXPECT_EQ(
        mistakes_of({{"LOYALTY_SERVICE_URL", "http://x"}}),
        std::vector<std::string>{"environment LOYALTY_SERVICE_URL: LOYALTY_SERVICE_URL is no "
                                 "setting; unset it, or describe the service under `services`"});
    for (const char* name : {"JWT_X", "REDIS_X", "RATE_LIMIT_X", "CIRCUIT_BREAKER_X", "TIMEOUT_X",
                             "SHUTDOWN_X", "ADMIN_X", "TLS_X", "RESP_PASWORD",
                             "INTERNAL_HMAC_SECRT", "TRUSTED_PROXY", "ALLOWED_ORIGIN"}) {
        EXPECT_EQ(mistakes_of({{name, "1"}}).size(), 1U) << name;
    }
}

TEST(UnknownVariables, OfOthersAreLeftAlone) {
    EXPECT_EQ(mistakes_of({{"PATH", "x"},
                           {"REDIS_PORT", "tcp://10.0.0.1:6379"},
                           {"REDIS_PORT_6379_TCP_ADDR", "10.0.0.1"},
                           {"REDIS_SERVICE_HOST", "10.0.0.1"},
                           {"REDIS_SERVICE_PORT", "6379"},
                           {"HOSTNAME", "pod"},
                           {"KUBERNETES_SERVICE_PORT_HTTPS", "443"}}),
              std::vector<std::string>{});
}

}  // namespace
}  // namespace gw::app
