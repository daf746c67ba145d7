#include "app/config_hash.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace gw::app {
namespace {

using config::Environment;

class ConfigHash : public testing::Test {
  protected:
    ConfigHash() : path_(testing::TempDir() + "gw_config_hash_test.yaml") {
        std::ofstream(path_)
            << "services: {a: {url: 'http://a'}}\n"
               "routes:\n"
               "  - {name: r, path: /, service: a, webhook_signature: {scheme: hmac}}\n";
    }
    ~ConfigHash() override { std::filesystem::remove(path_); }

    std::shared_ptr<const Settings> load(Environment::Values variables) {
        variables.emplace("WEBHOOK_SECRET", "whsec of the first of these tests");
        const LoadedSettings settings = load_settings(path_, Environment(std::move(variables)));
        EXPECT_EQ(settings ? "" : settings.error().front().to_string(), "");
        return settings ? *settings : nullptr;
    }
    std::string hash(Environment::Values variables = {}) {
        const auto settings = load(std::move(variables));
        return settings ? config_hash(*settings) : "";
    }

    std::string path_;
};

TEST_F(ConfigHash, IsOfWhatVariablesMakeOfIt) {
    EXPECT_NE(hash(), hash({{"RATE_LIMIT_MAX", "50"}}));
    EXPECT_NE(hash(), hash({{"A_SERVICE_URL", "http://b"}}));
    EXPECT_NE(hash(), hash({{"TRUSTED_PROXIES", "10.0.0.0/8"}}));
    EXPECT_EQ(hash(), hash({{"RATE_LIMIT_MAX", "100"}})) << "it is the default";
}

TEST_F(ConfigHash, IsTheSameWhereverTheGatewayStands) {
    EXPECT_EQ(hash(), hash({{"INSTANCE_ID", "gw-2"},
                            {"REGION", "eu"},
                            {"ZONE", "eu-1"},
                            {"HOST", "127.0.0.1"},
                            {"PORT", "3001"},
                            {"TLS_PORT", "3444"},
                            {"ADMIN_HOST", "0.0.0.0"},
                            {"ADMIN_PORT", "9301"},
                            {"RESP_PORT", "6380"},
                            {"STATE_SNAPSHOT_FILE", "/tmp/2"},
                            {"AUDIT_PATH", "/tmp/audit-2"},
                            {"REGION_PEERS", "redis://other:6379"}}));
}

// Nobody could find a secret by it: what it tells of all of them are 16 bits.
TEST_F(ConfigHash, TellsSecretsApartAndNothingOfThem) {
    const auto with = [this](const std::string& secret) {
        return hash({{"JWT_SECRET", "a secret of these tests, of 32 bytes " + secret}});
    };
    EXPECT_NE(with("1"), with("2"));
    EXPECT_EQ(with("1"), with("1"));
    const auto settings = load({{"JWT_SECRET", "a secret of these tests, of 32 bytes"}});
    ASSERT_NE(settings, nullptr);
    EXPECT_EQ(settings->in_force.compared.find("a secret of these"), std::string::npos);
    EXPECT_NE(hash(), hash({{"WEBHOOK_SECRET", "whsec of the second of these tests"}}));
}

// Regions have a Redis each, and nodes a collector.
TEST_F(ConfigHash, IsTheSameWhereOnlyThePlaceDiffers) {
    const std::string here = hash({{"REDIS_HOST", "redis"}, {"REDIS_PASSWORD", "one"}});
    EXPECT_EQ(here, hash({{"REDIS_HOST", "other"}, {"REDIS_PASSWORD", "two"}}));
    EXPECT_EQ(hash({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://10.0.0.1:4318"}}),
              hash({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://10.0.0.2:4318"}}));
}

TEST_F(ConfigHash, KnowsWhatOnlyAStartChanges) {
    const auto settings = load({{"REDIS_HOST", "redis"}});
    ASSERT_NE(settings, nullptr);
    const auto& at_start = settings->in_force.at_start;
    for (const char* path :
         {"listen.host", "listen.port", "tls.port", "admin.host", "admin.port", "workers",
          "connections.connections_max", "state.resp_port", "state.snapshot", "state.redis.host",
          "state.redis.url", "state.peers", "limits.memory_mb", "dns.servers", "dns.ttl_min_ms",
          "dns.ttl_max_ms"}) {
        EXPECT_TRUE(at_start.contains(path)) << path;
    }
    EXPECT_EQ(at_start.at("state.redis.host"), "\"redis\"");
    EXPECT_FALSE(at_start.contains("limits.general.requests"));
}

}  // namespace
}  // namespace gw::app
