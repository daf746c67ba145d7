#include "cli/commands.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "base/version.hpp"

namespace gw::cli {
namespace {

// The top of the source tree.
std::filesystem::path root() {
    return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Outcome {
    int status = 0;
    std::string out;
    std::string err;
};

Outcome call(const std::vector<std::string>& arguments,
             config::Environment::Values variables = {}) {
    std::ostringstream out;
    std::ostringstream err;
    const config::Environment environment(std::move(variables));
    const int status = run_command_line(arguments, {out, err, environment});
    return {status, out.str(), err.str()};
}

std::string shipped() {
    return (root() / "config/gateway.yaml").string();
}

TEST(Commands, ShowVersionAndHelp) {
    const Outcome version = call({"--version"});
    EXPECT_EQ(version.status, kDone);
    EXPECT_EQ(version.out, "api-gateway " + std::string(kVersion) + "\n");
    const Outcome help = call({"--help"});
    EXPECT_EQ(help.status, kDone);
    for (const char* word :
         {"run", "check", "routes", "bans", "ban", "unban", "schema", "reference", "--config"}) {
        EXPECT_NE(help.out.find(word), std::string::npos) << word;
    }
}

TEST(Commands, AreOnTheirPageAsTheirHelpSays) {
    EXPECT_EQ(call({"reference", "--commands"}).out, content_of(root() / "docs/cli.md"))
        << "run: build/release/api-gateway reference --commands > docs/cli.md";
}

TEST(Commands, AreCompletedByShells) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const Outcome found = call({"completion", shell});
        EXPECT_EQ(found.status, kDone);
        for (const char* word : {"contain", "revoke", "evidence", "verify", "reason"}) {
            EXPECT_NE(found.out.find(word), std::string::npos) << shell << ": " << word;
        }
    }
    EXPECT_EQ(call({"completion", "csh"}).status, kMisused);
}

TEST(Commands, AreAllOfOneVersion) {
    const std::string project = content_of(root() / "CMakeLists.txt");
    EXPECT_NE(project.find("project(api_gateway VERSION " + std::string(kVersion) + " "),
              std::string::npos);
}

TEST(Commands, RefuseWhatTheyDoNotKnow) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"fly"},
                                                      {"--fly"},
                                                      {"check", "routes"},
                                                      {"schema", "--json"},
                                                      {"--config"}}) {
        const Outcome outcome = call(arguments);
        EXPECT_EQ(outcome.status, kMisused) << arguments[0];
        EXPECT_FALSE(outcome.err.empty()) << arguments[0];
    }
}

// As a full disk does, or standard output that was closed.
TEST(Commands, FailWhenWhatTheySayIsNotTaken) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"schema"}, {"reference"}, {"--help"}, {"--version"}}) {
        std::ofstream out("/dev/full");
        std::ostringstream err;
        const config::Environment environment;
        EXPECT_EQ(run_command_line(arguments, {out, err, environment}), kFailed) << arguments[0];
        EXPECT_EQ(err.str(), "standard output does not take what was to be written\n");
    }
}

TEST(Check, FindsTheShippedConfigurationRight) {
    const Outcome outcome =
        call({"check", "--config", shipped()},
             {{"OTEL_TRACES_SAMPLER_ARG", "1"}, {"JWT_SECRET", std::string(32, 's')}});
    EXPECT_EQ(outcome.status, kDone) << outcome.err;
    EXPECT_EQ(outcome.out, "OK " + shipped() + ": 19 services, 27 routes\n");
    EXPECT_EQ(outcome.err, "");
}

TEST(Check, SaysWhatAStartWouldMissBesides) {
    const Outcome outcome = call({"check", "--config", shipped()});
    EXPECT_EQ(outcome.status, kDone);
    EXPECT_EQ(outcome.err, "to start with it: " + shipped() +
                               ": there is no key to verify tokens with; set JWT_JWKS_URL, "
                               "JWT_PUBLIC_KEY or JWT_SECRET (or JWT_SECRET_FILE, …)\n");
    const Outcome json = call({"check", "--json", "--config", shipped()});
    EXPECT_NE(json.out.find(R"("toStart":[{"what":"there is no key to verify tokens with")"),
              std::string::npos)
        << json.out;
}

TEST(Check, ShowsEveryMistake) {
    const std::string path = testing::TempDir() + "gw_commands_test.yaml";
    std::ofstream(path) << "listen: {port: x}\nrotes: []\n";
    const Outcome outcome = call({"check"}, {{"CONFIG_FILE", path}});
    std::filesystem::remove(path);
    EXPECT_EQ(outcome.status, kFailed);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err,
              path + ":1:1: there are no routes; describe at least one under `routes`\n" + path +
                  ":1:16: listen.port is \"x\"; use a whole number from 0 to 65535\n" + path +
                  ":2:1: \"rotes\" is no setting; did you mean routes?\n" + path +
                  ": 3 mistakes\n");
}

TEST(Check, WarnsOfApiKeysThatHaveEnded) {
    const std::string path = testing::TempDir() + "gw_commands_ended_test.yaml";
    const std::string hash(64, '0');
    std::ofstream(path) << "services: {a: {url: 'http://a:1'}}\n"
                           "routes: [{name: a, path: /a, service: a}]\n"
                           "api_keys:\n  gone: {hash: 'sha256:"
                        << hash << "', tenant: t, expires: '2020-01-01T00:00:00Z'}\n";
    const config::Environment::Values variables{{"JWT_SECRET", std::string(32, 's')}};
    const Outcome outcome = call({"check", "--config", path}, variables);
    const Outcome json = call({"check", "--json", "--config", path}, variables);
    std::filesystem::remove(path);
    EXPECT_EQ(outcome.status, kDone) << outcome.err;
    EXPECT_EQ(outcome.err.find("warning: api_keys.gone has expired"), 0U) << outcome.err;
    EXPECT_TRUE(json.out.contains(R"("warnings":["api_keys.gone has expired)")) << json.out;
}

TEST(Check, OfAFileThatIsNotThereFails) {
    const Outcome outcome = call({"check", "--config", "/nonexistent.yaml"});
    EXPECT_EQ(outcome.status, kFailed);
    EXPECT_EQ(outcome.err.find("/nonexistent.yaml: the file cannot be read"), 0U) << outcome.err;
}

TEST(Routes, AreShownAsATable) {
    const Outcome outcome = call({"--config", shipped(), "routes"});
    EXPECT_EQ(outcome.status, kDone) << outcome.err;
    std::istringstream lines(outcome.out);
    std::vector<std::vector<std::string>> rows;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        rows.emplace_back(std::istream_iterator<std::string>(words),
                          std::istream_iterator<std::string>());
    }
    ASSERT_EQ(rows.size(), 28U) << outcome.out;
    EXPECT_EQ(rows[0][0], "METHODS");
    EXPECT_EQ(rows[2], (std::vector<std::string>{"*", "*", "/api/v1/auth/**", "auth-service",
                                                 "/auth/**", "10000", "auth"}));
    EXPECT_LT(outcome.out.find("tickets-read"), outcome.out.find("  tickets\n"));
}

TEST(Routes, AreShownAsJson) {
    const Outcome outcome = call({"routes", "--json", "--config", shipped()});
    EXPECT_EQ(outcome.status, kDone) << outcome.err;
    const auto routes = boost::json::parse(outcome.out).as_array();
    EXPECT_EQ(routes.size(), 27U);
    EXPECT_EQ(routes[1], boost::json::parse(
                             R"({"name": "auth", "methods": [], "hosts": [],
                                 "path": "/api/v1/auth/**", "service": "auth-service",
                                 "upstreamPath": "/auth/**", "timeoutMs": 10000,
                                 "bodyBytesMax": 10485760})"));
}

TEST(Routes, ThatHaveMistakesAreShownAsJsonAsByCheck) {
    const std::string path = testing::TempDir() + "gw_commands_test_routes.yaml";
    std::ofstream(path) << "rotes: []\n";
    const Outcome outcome = call({"routes", "--json", "--config", path});
    EXPECT_EQ(outcome.status, kFailed);
    EXPECT_EQ(outcome.out, call({"check", "--json", "--config", path}).out);
    EXPECT_EQ(boost::json::parse(outcome.out).at("mistakes").as_array().size(), 2U) << outcome.out;
    EXPECT_EQ(outcome.err, "");
    std::filesystem::remove(path);
}

// The budgets that operators were promised, per path.
TEST(Routes, OfTheShippedConfigurationHaveTheirBudgets) {
    const Outcome outcome = call({"routes", "--json", "--config", shipped()});
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> limits;
    for (const auto& route : boost::json::parse(outcome.out).as_array()) {
        limits[std::string(route.at("name").as_string())] = {route.at("timeoutMs").as_int64(),
                                                             route.at("bodyBytesMax").as_int64()};
    }
    constexpr std::int64_t kMiB = 1024 * 1024;
    using Limits = std::pair<std::int64_t, std::int64_t>;
    EXPECT_EQ(limits["payments"], Limits(30'000, 10 * kMiB));
    EXPECT_EQ(limits["payments-process"], Limits(45'000, 10 * kMiB));
    EXPECT_EQ(limits["tickets-purchase"], Limits(30'000, 10 * kMiB));
    EXPECT_EQ(limits["tickets-read"], Limits(5'000, 10 * kMiB));
    EXPECT_EQ(limits["tickets"], Limits(10'000, 10 * kMiB));
    EXPECT_EQ(limits["files"], Limits(120'000, 50 * kMiB));
}

// Both files are made by the program: `make generated` writes them anew.
TEST(Generated, SchemaIsWhatTheProgramPrints) {
    EXPECT_TRUE(content_of(root() / "config/gateway.schema.json") == call({"schema"}).out)
        << "config/gateway.schema.json is out of date: run `make generated`";
}

TEST(Generated, ReferencePageIsWhatTheProgramPrints) {
    EXPECT_TRUE(content_of(root() / "docs/configuration.md") == call({"reference"}).out)
        << "docs/configuration.md is out of date: run `make generated`";
}

TEST(Commands, ReadTheFileThatIsNamedBeforeOrBehindThem) {
    const std::string path = testing::TempDir() + "gw_commands_test_named.yaml";
    std::ofstream(path) << "state: {resp_port: x}\nadmin: {port: y}\n";
    const config::Environment::Values token{{"ADMIN_TOKEN", "t"}};
    for (const std::vector<std::string>& command : {std::vector<std::string>{"bans"},
                                                    {"ban", "user", "42", "--endless"},
                                                    {"status"},
                                                    {"limits"},
                                                    {"check"},
                                                    {"cache", "purge", "--all"}}) {
        for (const std::string& file : {path, std::string("/nonexistent.yaml")}) {
            std::vector<std::string> before{"--config", file};
            before.insert(before.end(), command.begin(), command.end());
            std::vector<std::string> behind = command;
            behind.insert(behind.end(), {"--config", file});
            const Outcome wanted = call(behind, token);
            const Outcome found = call(before, token);
            EXPECT_NE(wanted.err.find(file), std::string::npos) << command[0] << wanted.err;
            EXPECT_EQ(found.err, wanted.err) << command[0];
            EXPECT_EQ(found.status, wanted.status) << command[0];
        }
        std::vector<std::string> both{"--config", "/nonexistent.yaml"};
        both.insert(both.end(), command.begin(), command.end());
        both.insert(both.end(), {"--config", path});
        EXPECT_NE(call(both, token).err.find(path), std::string::npos) << "the nearer one counts";
    }
    std::filesystem::remove(path);
}

TEST(FindConfig, PrefersTheCommandLineThenTheEnvironment) {
    const config::Environment environment({{"CONFIG_FILE", "/from/environment"}});
    EXPECT_EQ(find_config("/named", environment), "/named");
    EXPECT_EQ(find_config("", environment), "/from/environment");
    EXPECT_EQ(find_config("", {}), "config/gateway.yaml");
}

TEST(Commands, KnowWhatTheFolderOfVariablesHolds) {
    const std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / "gw_commands_variables";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "ADMIN_PORT") << "9\n";  // nobody answers there
    const config::Environment::Values named{{"VARIABLES_DIR", folder.string()},
                                            {"CONFIG_FILE", "/nonexistent"}};
    EXPECT_EQ(call({"status"}, named).status, kMisused) << "there is no token";
    std::ofstream(folder / "ADMIN_TOKEN") << "t\n";
    const Outcome found = call({"status"}, named);
    EXPECT_EQ(found.status, kUnreachable) << found.err;
    EXPECT_NE(found.err.find(":9 does not answer"), std::string::npos) << found.err;
    std::filesystem::remove_all(folder);
}

TEST(Commands, DrillOnlyWhatIsNamedAndOnlyWhenTold) {
    EXPECT_NE(call({"drill", "--list"}).out.find("brute-force"), std::string::npos);
    EXPECT_EQ(call({"drill"}).status, kMisused);
    const Outcome unknown = call({"drill", "nonsense"});
    EXPECT_EQ(unknown.status, kMisused);
    EXPECT_NE(unknown.err.find("there is no drill nonsense"), std::string::npos);
    EXPECT_EQ(call({"drill", "all", "--admin-port", "9"},
                   {{"ADMIN_TOKEN", "t"}, {"CONFIG_FILE", "/nonexistent"}})
                  .status,
              kUnreachable);
}

}  // namespace
}  // namespace gw::cli
