#include "app/settings.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace gw::app {
namespace {

using namespace std::chrono_literals;
using config::Environment;
using Mistakes = std::vector<std::string>;

constexpr std::string_view kServices = R"(services:
  auth-service: {url: "http://auth:4001"}
  payment-service: {url: "http://payment:4005", timeout_ms: 7000}
)";
constexpr std::string_view kRoutes = R"(routes:
  - {name: auth, path: /auth/**, service: auth-service}
  - {name: pay, path: /pay/**, service: payment-service}
  - {name: process, path: /pay/process, methods: [POST], service: payment-service, timeout_ms: 45000}
)";

class SettingsTest : public testing::Test {
  protected:
    SettingsTest()
        : path_(testing::TempDir() + "gw_settings_test_" +
                testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml") {}
    ~SettingsTest() override { std::filesystem::remove(path_); }

    LoadedSettings load(const std::string& text, Environment::Values variables = {}) {
        std::ofstream(path_, std::ios::binary) << text;
        return load_settings(path_, Environment(std::move(variables)));
    }
    // Messages without the name of the file.
    Mistakes mistakes(const std::string& text, Environment::Values variables = {}) {
        const LoadedSettings settings = load(text, std::move(variables));
        Mistakes out;
        if (!settings) {
            for (const config::Mistake& mistake : settings.error()) {
                std::string message = mistake.to_string();
                if (message.starts_with(path_)) {
                    message.erase(0, path_.size() + 1);
                }
                out.push_back(std::move(message));
            }
        }
        return out;
    }
    static std::string good() { return std::string(kServices) + std::string(kRoutes); }
    static const gateway::RouteOptions& route(const Settings& settings, std::string_view name) {
        for (const gateway::RouteOptions& route : settings.routes) {
            if (route.name == name) {
                return route;
            }
        }
        throw std::runtime_error("no such route");
    }

    std::string path_;
};

TEST_F(SettingsTest, AreLoadedWithEveryDefaultResolved) {
    const LoadedSettings loaded = load(good());
    ASSERT_TRUE(loaded.has_value());
    const Settings& s = **loaded;
    EXPECT_EQ(s.listen.port, 3000);
    EXPECT_EQ(s.admin.host, "127.0.0.1");
    EXPECT_EQ(s.shutdown.drain, 5s);
    EXPECT_EQ(s.log_level, observe::LogLevel::info);
    EXPECT_FALSE(s.instance_id.empty());
    EXPECT_EQ(s.source, path_);
    EXPECT_EQ(s.text, good());
    EXPECT_EQ(s.services.at("auth-service").url.port, 4001);
    EXPECT_EQ(route(s, "auth").timeout, 10s);
    EXPECT_EQ(route(s, "pay").timeout, 7s);
    EXPECT_EQ(route(s, "process").timeout, 45s);
    EXPECT_EQ(route(s, "auth").body_bytes_max, 10'485'760U);
    EXPECT_EQ(route(s, "process").methods, std::vector{http::Method::post});
}

TEST_F(SettingsTest, TellOfMissingKeysAmongAllElseThatKeepsAGatewayFromStarting) {
    const std::string text = "listen: {port: x}\n" + good();
    EXPECT_EQ(mistakes(text).size(), 1U);
    const LoadedSettings settings =
        load_settings(path_, Environment(Environment::Values{}), Purpose::start);
    ASSERT_FALSE(settings.has_value());
    ASSERT_EQ(settings.error().size(), 2U);
    EXPECT_EQ(settings.error()[0].what, "listen.port is \"x\"");
    EXPECT_EQ(settings.error()[1].what, "there is no key to verify tokens with");
}

TEST_F(SettingsTest, TakeTheEnvironmentOverTheFile) {
    const LoadedSettings loaded =
        load("listen: {port: 1}\n" + good(), {{"PORT", "8080"},
                                              {"HOST", "::"},
                                              {"ADMIN_PORT", "9999"},
                                              {"ADMIN_TOKEN", "t0ken"},
                                              {"WORKERS", "3"},
                                              {"LOG_LEVEL", "debug"},
                                              {"REGION", "eu"},
                                              {"INSTANCE_ID", "gw-1"},
                                              {"SHUTDOWN_DRAIN_MS", "0"},
                                              {"TRUSTED_PROXIES", "10.0.0.0/8, ::1"},
                                              {"TIMEOUT_DEFAULT", "2000"},
                                              {"TIMEOUT_PAYMENT", "3000"},
                                              {"MAX_REQUEST_SIZE", "1024"},
                                              {"AUTH_SERVICE_URL", "http://127.0.0.1:1"},
                                              {"PATH", "/bin"},
                                              {"UNRELATED", "1"}});
    ASSERT_TRUE(loaded.has_value()) << loaded.error()[0].to_string();
    const Settings& s = **loaded;
    EXPECT_EQ(s.listen.port, 8080);
    EXPECT_EQ(s.listen.host, "::");
    EXPECT_EQ(s.admin.port, 9999);
    EXPECT_EQ(s.admin.token, "t0ken");
    EXPECT_EQ(s.workers, 3U);
    EXPECT_EQ(s.log_level, observe::LogLevel::debug);
    EXPECT_EQ(s.region, "eu");
    EXPECT_EQ(s.instance_id, "gw-1");
    EXPECT_EQ(s.shutdown.drain, 0ms);
    EXPECT_EQ(s.trusted_proxies.size(), 2U);
    EXPECT_EQ(route(s, "auth").timeout, 2s);
    EXPECT_EQ(route(s, "auth").body_bytes_max, 1024U);
    // TIMEOUT_PAYMENT is the budget of every route to the payment service.
    EXPECT_EQ(route(s, "pay").timeout, 3s);
    EXPECT_EQ(route(s, "process").timeout, 3s);
    EXPECT_EQ(s.services.at("auth-service").url.host, "127.0.0.1");
}

TEST_F(SettingsTest, ShowAllMistakesAtOnceSortedByPlace) {
    EXPECT_EQ(mistakes("listen: {port: 70000}\n" + std::string(kServices) + R"(routes:
  - {name: a, path: x, service: auth-service}
  - {name: b, path: /b, service: auht-service}
  - {path: /c, servce: auth-service}
shutdwon: {}
)",
                       {{"WORKERS", "many"}, {"JWT_ISUER", "x"}}),
              (Mistakes{
                  "1:16: listen.port is 70000; use a whole number from 0 to 65535",
                  "6:21: routes[0].path is \"x\"; begin it with '/'",
                  "7:34: there is no service \"auht-service\"; did you mean auth-service?",
                  "8:5: routes[2].name is missing; write it",
                  "8:5: routes[2].service is missing; write it, or give the route a `redirect` or "
                  "an `aggregate`",
                  "8:16: \"routes[2].servce\" is no setting; did you mean service?",
                  "9:1: \"shutdwon\" is no setting; did you mean shutdown?",
                  "environment JWT_ISUER: JWT_ISUER is no setting; did you mean JWT_ISSUER?",
                  "environment WORKERS: WORKERS is \"many\"; use a whole number from 0 to 256",
              }));
}

TEST_F(SettingsTest, ABrokenKeyIsAMistakeAmongTheOthers) {
    EXPECT_EQ(mistakes(good(), {{"JWT_PUBLIC_KEY", "foo"}, {"WORKERS", "many"}}),
              (Mistakes{"environment JWT_PUBLIC_KEY: tokens.public_key is not usable: it is no "
                        "public key in PEM "
                        "(-----BEGIN PUBLIC KEY-----); see what JWT_PUBLIC_KEY or its like holds",
                        "environment WORKERS: WORKERS is \"many\"; use a whole number from 0 to "
                        "256"}));
}

// Each service reads the variable, and what is for all services does, within other bounds: what is
// told has to do for all.
TEST_F(SettingsTest, AVariableThatManyReadIsOneMistakeWithTheNarrowestBounds) {
    const std::string text =
        "circuit_breaker: {probes: 1}\nservices:\n"
        "  auth-service: {url: \"http://auth:4001\", circuit_breaker: {slow_ms: 1}}\n"
        "  payment-service: {url: \"http://pay:4005\", circuit_breaker: {slow_ms: 1}}\n" +
        std::string(kRoutes);
    EXPECT_EQ(mistakes(text, {{"CIRCUIT_BREAKER_ERROR_THRESHOLD", "x"}}),
              (Mistakes{"environment CIRCUIT_BREAKER_ERROR_THRESHOLD: "
                        "CIRCUIT_BREAKER_ERROR_THRESHOLD is \"x\"; use a whole number from 1 to "
                        "100"}));
}

TEST_F(SettingsTest, OfABrokenFileShowThePlaceAndTheEnvironmentsMistakes) {
    const Mistakes found = mistakes("routes: [\n", {{"PORT", "x"}});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_NE(found[0].find("not YAML"), std::string::npos);
    EXPECT_NE(found[1].find("environment PORT"), std::string::npos);
}

TEST_F(SettingsTest, OfAnEmptyFileAreAMistake) {
    EXPECT_EQ(mistakes(""),
              Mistakes{"1:1: there are no routes; describe at least one under `routes`"});
}

TEST_F(SettingsTest, FindRoutesThatTakeTheSameRequests) {
    EXPECT_EQ(
        mistakes(std::string(kServices) + R"(routes:
  - {name: a, path: "/x/{id}", service: auth-service}
  - {name: b, path: "/x/{other}", service: auth-service}
  - {name: c, path: /y, methods: [GET, POST], service: auth-service}
  - {name: d, path: /y, methods: [POST], service: auth-service}
  - {name: e, path: /z, hosts: [a.example], service: auth-service}
  - {name: f, path: /z, hosts: [b.example, a.example], service: auth-service}
  - {name: a, path: /other, service: auth-service}
)"),
        (Mistakes{
            "6:21: route \"b\" takes the same host, path and method as route \"a\"; remove one "
            "of them, or tell them apart by methods or hosts",
            "8:21: route \"d\" takes the same host, path and method as route \"c\"; remove one "
            "of them, or tell them apart by methods or hosts",
            "10:21: route \"f\" takes the same host, path and method as route \"e\"; remove one "
            "of them, or tell them apart by methods or hosts",
            "11:12: there are two routes named \"a\"; rename one of them",
        }));
}

TEST_F(SettingsTest, AllowRoutesThatDifferInPathMethodOrHost) {
    const LoadedSettings loaded = load(std::string(kServices) + R"(routes:
  - {name: a, path: /x/**, service: auth-service}
  - {name: b, path: /x/**, methods: [GET], service: auth-service}
  - {name: c, path: /x/**, hosts: ["*.example"], service: auth-service}
  - {name: d, path: /x/**, hosts: [a.example], methods: [GET], service: auth-service}
  - {name: e, path: /x, service: auth-service}
  - {name: f, path: "/x/{id}", service: auth-service}
)");
    ASSERT_TRUE(loaded.has_value()) << loaded.error()[0].to_string();
    std::string order;
    for (const gateway::RouteOptions& route : (*loaded)->routes) {
        order += route.name;
    }
    EXPECT_EQ(order, "dcbaef");
}

TEST_F(SettingsTest, CheckWhatBelongsTogether) {
    EXPECT_EQ(
        mistakes("listen: {port: 9300}\nshutdown: {drain_ms: 9000, timeout_ms: 8000}\n"
                 "dns: {ttl_min_ms: 2000, ttl_max_ms: 1000}\n" +
                 good()),
        (Mistakes{
            "1:16: admin.port and listen.port are both 9300; give each its own",
            "2:40: shutdown.timeout_ms is less than drain_ms; the drain is part of it: use at "
            "least 9000, or a shorter drain_ms (SHUTDOWN_DRAIN_MS)",
            "3:37: dns.ttl_max_ms is less than ttl_min_ms; use at least 2000",
        }));
    EXPECT_EQ(
        mistakes("services: {a: {url: 'http://a'}, a-service: {url: 'http://a'}}\n"
                 "routes: [{name: r, path: /, service: a}]\n"),
        Mistakes{"1:45: services \"a-service\" and \"a\" share one variable; rename one of them"});
    EXPECT_EQ(mistakes("services: {a: {url: 'http://a', withhold_token: true}}\n"
                       "routes: [{name: r, path: /, service: a}]\n"),
              Mistakes{"1:49: services.a.withhold_token is set, but INTERNAL_HMAC_SECRET is not: "
                       "the service could verify nothing; set INTERNAL_HMAC_SECRET, or let the "
                       "service see tokens"});
    EXPECT_EQ(mistakes("services: {a: {url: 'http://a', withhold_token: true}}\n"
                       "signing: {secret: a secret of these tests}\n"
                       "routes: [{name: r, path: /, service: a}]\n"),
              Mistakes{});
    EXPECT_EQ(
        mistakes(std::string(kServices) +
                 "routes: [{name: r, path: /a/**, service: auth-service, rewrite: '/{id}'}]\n"),
        Mistakes{"4:65: rewrite uses {id}, which the path does not have; use only parameters of "
                 "/a/**"});
}

TEST_F(SettingsTest, AnApiKeyIsOneCaller) {
    const auto keys = [](char second) {
        return "api_keys:\n  k1: {tenant: t1, hash: 'sha256:" + std::string(64, 'a') +
               "'}\n  k2: {tenant: t2, hash: 'sha256:" + std::string(64, second) + "'}\n" + good();
    };
    EXPECT_EQ(mistakes(keys('b')), Mistakes{});
    const Mistakes found = mistakes(keys('A'));  // the same number
    ASSERT_EQ(found.size(), 1U);
    EXPECT_TRUE(found[0].contains(R"(api_keys "k1" and "k2" have the same hash)")) << found[0];
}

TEST_F(SettingsTest, HaveRoomForTwoPoliciesOfARouteThatCountFailures) {
    const std::string limits =
        "limits: {policies: {a: {count: failures, mode: local}, b: {count: failures, mode: exact}, "
        "c: {count: failures, mode: local}, d: {mode: local}}}\n";
    const auto with = [&](const std::string& policies) {
        return mistakes(limits + std::string(kServices) +
                        "routes:\n  - {name: r, path: /a, service: auth-service, rate_limit: "
                        "{policies: [" +
                        policies + "]}}\n");
    };
    EXPECT_EQ(with("a, d, general, b"), Mistakes{});
    EXPECT_EQ(
        with("a, b, d, c"),
        Mistakes{"6:71: rate_limit.policies names 3 policies that count failures only; name at "
                 "most 2, or let one of them count `all`"});
}

TEST_F(SettingsTest, NeverSpeakPlainHttp2WhereTlsIsAskedFor) {
    const std::string route = "routes: [{name: a, path: /a, service: a}]\n";
    EXPECT_EQ(mistakes("services: {a: {url: 'https://a'}}\n" + route), Mistakes{});
    EXPECT_EQ(mistakes("services: {a: {url: 'https://a', protocol: h2}}\n" + route).size(), 1U);
}

TEST_F(SettingsTest, KeepWebSocketsFromServicesThatSpeakOnlyHttp2) {
    const std::string route =
        "routes: [{name: a, path: /a, service: a, websocket: {idle_timeout_ms: 5000}}]\n";
    EXPECT_EQ(mistakes("services: {a: {url: 'http://a'}}\n" + route), Mistakes{});
    EXPECT_EQ(mistakes("services: {a: {url: 'http://a', protocol: h2}}\n" + route).size(), 1U);
}

TEST_F(SettingsTest, KeepHedgesFromServicesThatSpeakOnlyHttp2) {
    const std::string route = "routes: [{name: a, path: /a, service: a, hedge_after_ms: 50}]\n";
    EXPECT_EQ(mistakes("services: {a: {url: 'http://a'}}\n" + route), Mistakes{});
    EXPECT_EQ(mistakes("services: {a: {url: 'http://a', protocol: h2}}\n" + route).size(), 1U);
}

TEST_F(SettingsTest, AskForOneWayOfSayingWhereAServiceIs) {
    const std::string routes = "routes: [{name: r, path: /, service: a}]\n";
    const std::string listed = "services: {a: {endpoints: [{url: 'http://x:1', weight: 3}]}}\n";
    EXPECT_EQ(mistakes(listed + routes), Mistakes{});
    EXPECT_EQ(mistakes("services: {a: {timeout_ms: 5}}\n" + routes),
              Mistakes{"1:12: services.a.url is missing; write it or set A_SERVICE_URL"});
    EXPECT_EQ(mistakes("services: {a: {endpoints: []}}\n" + routes),
              Mistakes{"1:27: services.a.endpoints is empty; list at least one"});
    EXPECT_EQ(mistakes(listed + routes, {{"A_SERVICE_URL", "http://y:2"}}),
              Mistakes{"1:27: services.a has both url and endpoints; keep one of them; "
                       "A_SERVICE_URL sets url as well"});
}

TEST_F(SettingsTest, TakeTwoFreePorts) {
    EXPECT_TRUE(load(good(), {{"PORT", "0"}, {"ADMIN_PORT", "0"}}).has_value());
}

TEST_F(SettingsTest, GiveEachListenerItsOwnPort) {
    EXPECT_EQ(mistakes("listen: {port: 6379}\n" + good()),
              Mistakes{"1:16: state.resp_port and listen.port are both 6379; give each its own, or "
                       "set state.resp_port (RESP_PORT) to 0 and go without redis-cli"});
    EXPECT_EQ(mistakes(good(), {{"RESP_PORT", "9300"}}),
              Mistakes{"environment RESP_PORT: state.resp_port and admin.port are both 9300; give "
                       "each its own, or set state.resp_port (RESP_PORT) to 0 and go without "
                       "redis-cli"});
    EXPECT_EQ(mistakes(good(), {{"PORT", "6379"}, {"HOST", "192.0.2.1"}}), Mistakes{})
        << "that one is on loopback alone";
    EXPECT_EQ(mistakes(good(), {{"PORT", "6379"}, {"RESP_PORT", "0"}}), Mistakes{});
}

TEST_F(SettingsTest, BlameVariablesForWhatTheyGave) {
    const auto places = [this](Environment::Values variables) {
        const LoadedSettings settings = load(good(), std::move(variables));
        std::set<std::string> found;
        for (const config::Mistake& mistake :
             settings ? std::vector<config::Mistake>{} : settings.error()) {
            found.insert(mistake.place.to_string());
        }
        return found;
    };
    using Places = std::set<std::string>;
    EXPECT_EQ(places({{"SHUTDOWN_DRAIN_MS", "30000"}}), Places{"environment SHUTDOWN_DRAIN_MS"});
    EXPECT_EQ(places({{"ALLOWED_ORIGINS", "*"}}), Places{"environment ALLOWED_ORIGINS"});
    EXPECT_EQ(places({{"TLS_CERT_FILE", "/etc/hostname"}}), Places{"environment TLS_CERT_FILE"});
    EXPECT_EQ(places({{"TLS_TICKET_SECRET", "x"}}), Places{"environment TLS_TICKET_SECRET"});
    EXPECT_EQ(places({{"JWT_PUBLIC_KEY", "garbage"}}), Places{"environment JWT_PUBLIC_KEY"});
    EXPECT_EQ(places({{"ADMIN_OIDC_ISSUER", "https://x"}}),
              Places{"environment ADMIN_OIDC_ISSUER"});
    EXPECT_EQ(mistakes(good(), {{"CIRCUIT_BREAKER_ERROR_THRESHOLD", "101"}}),
              Mistakes{"environment CIRCUIT_BREAKER_ERROR_THRESHOLD: "
                       "CIRCUIT_BREAKER_ERROR_THRESHOLD is 101; use a whole number from 1 to 100"});
}

TEST_F(SettingsTest, KnowTheStagesOfARoute) {
    const std::string head = std::string(kServices) +
                             "routes:\n  - name: r\n    path: /a\n"
                             "    service: auth-service\n";
    EXPECT_EQ(mistakes(head + "    query_limit: {parameters_max: 5}\n"), Mistakes{});
    EXPECT_EQ(
        mistakes(head + "    query_limit: {parameters_max: 0}\n    query_limt: {}\n"),
        (Mistakes{"8:35: routes[0].query_limit.parameters_max is 0; use a whole number from 1 "
                  "to 1000",
                  "9:5: \"routes[0].query_limt\" is no setting; did you mean query_limit?"}));
}

TEST_F(SettingsTest, NeverShowTheAdminToken) {
    const Mistakes found =
        mistakes("admin: {token: \"hunter 2\"}\n" + good(), {{"ADMIN_TOKEN", "hunter\t2"}});
    ASSERT_EQ(found.size(), 2U);
    for (const std::string& mistake : found) {
        EXPECT_EQ(mistake.find("hunter"), std::string::npos) << mistake;
    }
}

TEST_F(SettingsTest, ATokenToLookWithIsNoTokenToChangeThingsWith) {
    EXPECT_EQ(mistakes(good(), {{"ADMIN_TOKEN", "same"}, {"ADMIN_VIEWER_TOKEN", "same"}}),
              Mistakes{"environment ADMIN_VIEWER_TOKEN: admin.viewer_token is the same as "
                       "admin.token: who is to look could change everything; give viewers a token "
                       "of their own (ADMIN_VIEWER_TOKEN)"});
    // A viewer's shell has it alone; a gateway would have no admin API for him.
    EXPECT_EQ(mistakes(good(), {{"ADMIN_VIEWER_TOKEN", "v"}}), Mistakes{});
    const auto started = load_settings(
        path_, Environment({{"ADMIN_VIEWER_TOKEN", "v"}, {"JWT_SECRET", "s"}}), Purpose::start);
    ASSERT_FALSE(started);
    ASSERT_EQ(started.error().size(), 1U);
    EXPECT_EQ(started.error()[0].to_string(),
              "environment ADMIN_VIEWER_TOKEN: admin.viewer_token is set, but the admin API is "
              "off: token is not; set ADMIN_TOKEN as well, or unset ADMIN_VIEWER_TOKEN");
}

TEST_F(SettingsTest, WriteNoFileTwiceAndNoneThatIsRead) {
    const std::string spoiled = " are one file: it would be spoiled; name another file for ";
    EXPECT_EQ(mistakes(good(), {{"AUDIT_PATH", "/tmp/x"}, {"STATE_SNAPSHOT_FILE", "/tmp/./x"}}),
              Mistakes{"environment STATE_SNAPSHOT_FILE: state.snapshot and audit.path" + spoiled +
                       "state.snapshot"});
    EXPECT_EQ(mistakes(good(), {{"AUDIT_PATH", path_}}),
              Mistakes{"environment AUDIT_PATH: audit.path and the configuration" + spoiled +
                       "audit.path"});
    const std::string link = path_ + ".link";
    std::filesystem::remove(link);
    std::filesystem::create_symlink(path_, link);
    EXPECT_EQ(mistakes(good(), {{"STATE_SNAPSHOT_FILE", link}}),
              Mistakes{"environment STATE_SNAPSHOT_FILE: state.snapshot and the configuration" +
                       spoiled + "state.snapshot"});
    std::filesystem::remove(link);
    const std::string secret = path_ + ".secret";
    std::ofstream(secret) << "a secret of these tests";
    EXPECT_EQ(mistakes(good(), {{"INTERNAL_HMAC_SECRET_FILE", secret}, {"AUDIT_PATH", secret}}),
              Mistakes{"environment AUDIT_PATH: audit.path and INTERNAL_HMAC_SECRET_FILE" +
                       spoiled + "audit.path"});
    std::filesystem::remove(secret);
    EXPECT_EQ(mistakes(good(), {{"AUDIT_PATH", "/tmp/a"}, {"STATE_SNAPSHOT_FILE", "/tmp/b"}}),
              Mistakes{});
}

TEST_F(SettingsTest, AreUtf8ButForSecrets) {
    EXPECT_EQ(mistakes("region: \"M\xFCnchen\"\n" + good()),
              Mistakes{"1:9: region is no UTF-8; write it, or save the file, as UTF-8"});
    EXPECT_EQ(mistakes(good(), {{"REGION", "M\xFCnchen"}}),
              Mistakes{"environment REGION: REGION is no UTF-8; write it, or save the file, as "
                       "UTF-8"});
    EXPECT_EQ(mistakes(good(), {{"REGION", "M\xC3\xBCnchen"},
                                {"INTERNAL_HMAC_SECRET", "\xFF any bytes, 32 of them or more"}}),
              Mistakes{});
}

TEST_F(SettingsTest, OfAGatewayThatRunsWaitForNoPipe) {
    std::filesystem::remove(path_);
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const auto settings = load_settings(path_, Environment({{"JWT_SECRET", "s"}}), Purpose::reload);
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error()[0].what, "the file is no regular file");
}

TEST_F(SettingsTest, HoldTenThousandRoutes) {
    std::string text(kServices);
    text += "routes:\n";
    for (int i = 0; i < 10'000; ++i) {
        const std::string n = std::to_string(i);
        text += "  - {name: r" + n + ", path: /p" + n + "/**, service: auth-service}\n";
    }
    const LoadedSettings loaded = load(text);
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ((*loaded)->routes.size(), 10'000U);
}

TEST_F(SettingsTest, TakeVariablesFromAFolderUnderThoseOfTheProcess) {
    const std::filesystem::path folder = path_ + ".d";
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "RATE_LIMIT_MAX") << "7\n";
    std::ofstream(folder / "REGION") << "of the folder";
    const LoadedSettings settings =
        load(good(), {{"VARIABLES_DIR", folder.string()}, {"REGION", "of the process"}});
    ASSERT_TRUE(settings);
    EXPECT_EQ((*settings)->limits.general.requests, 7U);
    EXPECT_EQ((*settings)->region, "of the process");
    std::ofstream(folder / "RATE_LIMIT_MAXX") << "7";
    EXPECT_EQ(mistakes(good(), {{"VARIABLES_DIR", folder.string()}}),
              (Mistakes{"environment RATE_LIMIT_MAXX: RATE_LIMIT_MAXX is no setting; did you mean "
                        "RATE_LIMIT_MAX?"}));
    std::filesystem::remove_all(folder);
    EXPECT_EQ(mistakes(good(), {{"VARIABLES_DIR", "/nonexistent"}}),
              (Mistakes{"environment VARIABLES_DIR: VARIABLES_DIR names \"/nonexistent\", which "
                        "cannot be read; name an existing, readable folder"}));
}

}  // namespace
}  // namespace gw::app
