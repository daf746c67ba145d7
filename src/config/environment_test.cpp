#include "config/environment.hpp"

#include <gtest/gtest.h>

namespace gw::config {
namespace {

TEST(Environment, CountsAnEmptyVariableAsNotSet) {
    const Environment environment({{"PORT", ""}, {"HOST", "::1"}});
    EXPECT_EQ(environment.find("PORT"), nullptr);
    ASSERT_NE(environment.find("HOST"), nullptr);
    EXPECT_EQ(*environment.find("HOST"), "::1");
}

TEST(Environment, LeavesOutTheServiceLinksOfKubernetes) {
    // What the kubelet sets for Services named redis, redis-service and auth-service.
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"REDIS_SERVICE_HOST", "10.0.0.1"},
             {"REDIS_SERVICE_PORT", "6379"},
             {"REDIS_SERVICE_PORT_REDIS", "6379"},
             {"REDIS_PORT", "tcp://10.0.0.1:6379"},
             {"REDIS_PORT_6379_TCP", "tcp://10.0.0.1:6379"},
             {"REDIS_PORT_6379_TCP_PROTO", "tcp"},
             {"REDIS_PORT_6379_TCP_PORT", "6379"},
             {"REDIS_PORT_6379_TCP_ADDR", "10.0.0.1"},
             {"REDIS_SERVICE_SERVICE_HOST", "10.0.0.1"},
             {"REDIS_SERVICE_PORT_6379_TCP", "tcp://10.0.0.1:6379"},
             {"AUTH_SERVICE_PORT", "tcp://10.0.0.2:4001"},
             {"AUTH_SERVICE_SERVICE_PORT", "4001"},
             {"DNS_PORT_53_UDP_ADDR", "10.0.0.3"},
             {"ADMIN_PORT", "tcp://10.0.0.4:80"}}) {
        EXPECT_TRUE(is_service_link(name, value)) << name;
        EXPECT_EQ(Environment({{name, value}}).find(name), nullptr) << name;
    }
}

TEST(Environment, KeepsWhatOnlyLooksSimilar) {
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"REDIS_PORT", "6379"},
             {"ADMIN_PORT", "9300"},
             {"PORT", "3000"},
             {"AUTH_SERVICE_URL", "http://auth:1"},
             {"REDIS_PORT_X_TCP", "1"},
             {"REDIS_PORT_6379_HTTP", "1"},
             {"REDIS_SERVICE_PORTS", "1"}}) {
        EXPECT_FALSE(is_service_link(name, value)) << name;
    }
}

TEST(Environment, OfTheProcessHasItsVariables) {
    ::setenv("GW_ENVIRONMENT_TEST", "a=b", 1);
    const Environment environment = Environment::of_process();
    ASSERT_NE(environment.find("GW_ENVIRONMENT_TEST"), nullptr);
    EXPECT_EQ(*environment.find("GW_ENVIRONMENT_TEST"), "a=b");
}

}  // namespace
}  // namespace gw::config
