// The commands against a port as a gateway opens it.
#include "cli/ban_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "net/sockaddr.hpp"
#include "state/embedded_store.hpp"
#include "state/resp_server.hpp"

namespace gw::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

struct Outcome {
    int status = 0;
    std::string out;
    std::string err;
};

// A store and its port, on a thread of their own until the end.
class Port {
  public:
    explicit Port(const std::string& password = "")
        : store_(loop_),
          socket_(net::listen_alone({*IpAddress::parse("127.0.0.1"), 0}).value()),
          number_(net::local_address(socket_.get()).port),
          server_(loop_, std::move(socket_), store_, password, [](const auto&, auto, auto) {}) {}
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port() {
        loop_.post([this] { scope_.spawn(stop()); });
    }
    // Nothing here is touched from outside any more.
    void run() {
        thread_ = std::jthread([this] { loop_.run(); });
    }
    void put(std::string_view key, std::string_view value) {
        ASSERT_TRUE(store_.put(key, {std::string(value), std::nullopt}));
    }
    [[nodiscard]] std::string number() const { return std::to_string(number_); }

  private:
    net::Task<void> stop() {
        server_.stop();
        co_await server_.all_done();
        co_await store_.stop();
        loop_.stop();
    }
    net::Loop loop_;
    net::Scope scope_;
    state::EmbeddedStore store_;
    net::Fd socket_;
    std::uint16_t number_;
    state::RespServer server_;
    std::jthread thread_;  // last: it ends first
};

class BanCommandTest : public testing::Test {
  protected:
    Outcome call(const std::vector<std::string>& arguments) {
        std::ostringstream out;
        std::ostringstream err;
        const config::Environment environment(variables_);
        const int status = run_command_line(arguments, {out, err, environment});
        return {status, out.str(), err.str()};
    }
    void use(Port& port) {
        port.run();
        variables_["RESP_PORT"] = port.number();
    }
    config::Environment::Values variables_{{"SUDO_USER", "ada"}};
};

TEST_F(BanCommandTest, BansAndLifts) {
    Port port;
    use(port);
    EXPECT_EQ(call({"bans"}).out, "nobody is banned\n");
    const Outcome banned =
        call({"ban", "ip", "203.0.113.007", "--for", "1h", "--reason", "scans \"us\""});
    EXPECT_EQ(banned.status, kDone) << banned.err;
    EXPECT_THAT(banned.out, MatchesRegex("banned ip:203.0.113.7 until .*Z "
                                         "\\(banned:ip:203.0.113.7\\)\n"));
    const Outcome listed = call({"bans", "--json"});
    EXPECT_EQ(listed.status, kDone) << listed.err;
    const auto bans = boost::json::parse(listed.out).as_array();
    ASSERT_EQ(bans.size(), 1U) << listed.out;
    EXPECT_EQ(bans[0].at("key"), "banned:ip:203.0.113.7");
    EXPECT_EQ(bans[0].at("reason"), "scans \"us\"");
    EXPECT_THAT(std::string(bans[0].at("by").as_string()), MatchesRegex("ada@.+"));
    EXPECT_FALSE(bans[0].at("byHand").as_bool());
    EXPECT_GE(bans[0].at("remainingSeconds").as_int64(), 3'590);
    EXPECT_LE(bans[0].at("remainingSeconds").as_int64(), 3'600);
    EXPECT_TRUE(bans[0].at("warning").is_null());
    const Outcome lifted = call({"unban", "ip", "::ffff:203.0.113.7"});
    EXPECT_EQ(lifted.status, kDone) << lifted.err;
    EXPECT_EQ(lifted.out, "lifted banned:ip:203.0.113.7\n");
    const Outcome again = call({"unban", "ip", "203.0.113.7"});
    EXPECT_EQ(again.status, kFailed);
    EXPECT_EQ(again.err, "there is no such ban: banned:ip:203.0.113.7\n");
}

TEST_F(BanCommandTest, BansUsersAndTenants) {
    Port port;
    use(port);
    EXPECT_EQ(call({"ban", "user", "42", "--for", "7d"}).status, kDone);
    EXPECT_EQ(call({"ban", "tenant", "t1", "--endless", "--by", "night shift"}).out,
              "banned tenant:t1 without an end (banned:tenant:t1)\n");
    const Outcome listed = call({"bans"});
    EXPECT_THAT(listed.out, AllOf(HasSubstr("banned:user:42"), HasSubstr("night shift")));
    EXPECT_EQ(listed.err,
              "warning: banned:tenant:t1 has no end: it holds until somebody deletes it\n");
    EXPECT_EQ(call({"unban", "user", "42"}).out, "lifted banned:user:42\n");
}

TEST_F(BanCommandTest, LiftsEverySpellingAndTellsOfBlocksAround) {
    Port port;
    port.put("banned:ip:203.0.113.007", "1");
    port.put("banned:ip:::ffff:203.0.113.7", "1");
    port.put("banned:ip:203.0.113.0/24", "1");
    port.put("banned:ip:203.0.113.8", "1");
    use(port);
    const Outcome lifted = call({"unban", "ip", "203.0.113.7"});
    EXPECT_EQ(lifted.status, kDone);
    EXPECT_THAT(lifted.out,
                AllOf(HasSubstr("lifted banned:ip:203.0.113.007\n"),
                      HasSubstr("lifted banned:ip:::ffff:203.0.113.7\n"), Not(HasSubstr("113.8"))));
    EXPECT_EQ(lifted.err, "warning: still banned by banned:ip:203.0.113.0/24\n");
}

TEST_F(BanCommandTest, ShowsMoreThanAPage) {
    Port port;
    for (int i = 0; i < 2'500; ++i) {
        port.put("banned:user:" + std::to_string(i), "by hand");
        port.put("ratelimit:" + std::to_string(i), "1");
    }
    port.put("banned:ip:nonsense", "1");
    use(port);
    const Outcome listed = call({"bans", "--json"});
    EXPECT_EQ(boost::json::parse(listed.out).as_array().size(), 2'501U);
    EXPECT_THAT(listed.err, HasSubstr("warning: banned:ip:nonsense bans nobody"));
}

TEST_F(BanCommandTest, GivesThePassword) {
    Port port("a secret");
    use(port);
    const Outcome without = call({"bans"});
    EXPECT_EQ(without.status, kFailed);
    EXPECT_EQ(without.err,
              "the state store answers: NOAUTH Authentication required.\n"
              "its password is RESP_PASSWORD, or what RESP_PASSWORD_FILE names\n");
    variables_["RESP_PASSWORD"] = "wrong";
    EXPECT_THAT(call({"bans"}).err, HasSubstr("WRONGPASS"));
    const std::string path = testing::TempDir() + "gw_ban_command_test_password";
    std::ofstream(path) << "a secret\n";
    variables_.erase("RESP_PASSWORD");
    variables_["RESP_PASSWORD_FILE"] = path;
    EXPECT_EQ(call({"bans"}).out, "nobody is banned\n");
    std::filesystem::remove(path);
}

TEST_F(BanCommandTest, TakesAPasswordThatIsNotAskedFor) {
    Port port;
    use(port);
    variables_["RESP_PASSWORD"] = "a secret";
    EXPECT_EQ(call({"bans"}).status, kDone);
}

TEST_F(BanCommandTest, SaysThatNobodyAnswers) {
    std::string number;
    {
        Port gone;
        number = gone.number();
        use(gone);
    }
    variables_.erase("RESP_PORT");
    const Outcome outcome = call({"bans", "--port", number});
    EXPECT_EQ(outcome.status, kUnreachable);
    EXPECT_EQ(outcome.err, "127.0.0.1:" + number +
                               " does not answer: Connection refused\n"
                               "Is the gateway running on this machine, and RESP_PORT its port?\n");
    variables_["RESP_PORT"] = "0";
    EXPECT_EQ(call({"bans"}).status, kUnreachable);
}

TEST_F(BanCommandTest, RefusesWhatMakesNoSense) {
    for (const std::vector<std::string>& arguments : {
             std::vector<std::string>{"ban"},
             {"ban", "ip"},
             {"ban", "venue", "1", "--for", "1h"},
             {"ban", "ip", "300.1.1.1", "--for", "1h"},
             {"ban", "ip", "0.0.0.0/0", "--for", "1h"},
             {"ban", "ip", "203.0.113.7"},
             {"ban", "ip", "203.0.113.7", "--for", "forever"},
             {"ban", "ip", "203.0.113.7", "--for", "1h", "--endless"},
             {"ban", "ip", "203.0.113.7", "--for", "1x", "--endless"},
             {"unban", "user", ""},
             {"bans", "everybody"},
             {"bans", "--port", "x"},
         }) {
        const Outcome outcome = call(arguments);
        EXPECT_EQ(outcome.status, kMisused) << arguments.back();
        EXPECT_FALSE(outcome.err.empty()) << arguments.back();
        EXPECT_EQ(outcome.out, "") << arguments.back();
    }
}

TEST_F(BanCommandTest, NeedsNothingOfTheConfigurationButThePort) {
    Port port;
    port.run();
    const std::string path = testing::TempDir() + "gw_ban_command_test.yaml";
    std::ofstream(path) << "routes: nonsense\nstate: {resp_port: " << port.number() << "}\n";
    EXPECT_EQ(call({"bans", "--config", path}).status, kDone);
    std::ofstream(path) << "state: {resp_port: x}\n";
    const Outcome outcome = call({"bans", "--config", path, "--port", port.number()});
    EXPECT_EQ(outcome.status, kDone);
    EXPECT_THAT(outcome.err, HasSubstr("going on without that"));
    EXPECT_EQ(call({"bans", "--config", "/nonexistent.yaml"}).status, kFailed);
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace gw::cli
