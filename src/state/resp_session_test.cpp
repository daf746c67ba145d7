#include "state/resp_session.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kNoAuth = "-NOAUTH Authentication required.\r\n";
constexpr const char* kOk = "+OK\r\n";
constexpr const char* kWrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

std::string reply(RespSession& session, const Words& words, std::string_view password) {
    const auto answer = session.answer(words, password);
    return answer ? answer->reply : "(the store's)";
}

TEST(RespSession, WithoutAPasswordLeavesEverythingToTheStore) {
    RespSession session(1, false);
    for (const Words& words : {Words{"GET", "a"}, Words{"auth", "x"}, Words{"PING"},
                               Words{"CLIENT", "LIST"}, Words{"CLIENT"}}) {
        EXPECT_EQ(reply(session, words, ""), "(the store's)") << words[0];
    }
}

TEST(RespSession, LetsNobodyInBeforeThePassword) {
    RespSession session(1, true);
    for (const Words& words : {Words{"GET", "a"}, Words{"PING"}, Words{"COMMAND", "DOCS"},
                               Words{"CLIENT", "SETNAME", "a"}, Words{"nonsense"}}) {
        EXPECT_EQ(reply(session, words, "secret"), kNoAuth) << words[0];
    }
    EXPECT_EQ(reply(session, {"AUTH", "secre"}, "secret"), kWrong);
    EXPECT_EQ(reply(session, {"AUTH", "secret "}, "secret"), kWrong);
    EXPECT_EQ(reply(session, {"AUTH", ""}, "secret"), kWrong);
    EXPECT_EQ(reply(session, {"AUTH", "other", "secret"}, "secret"), kWrong);
    EXPECT_EQ(reply(session, {"AUTH"}, "secret"),
              "-ERR wrong number of arguments for 'auth' command\r\n");
    EXPECT_EQ(reply(session, {"HELLO"}, "secret").substr(0, 12), "-NOAUTH HELL");
    EXPECT_FALSE(session.allowed());
    EXPECT_EQ(reply(session, {"auth", "secret"}, "secret"), kOk);
    EXPECT_EQ(reply(session, {"GET", "a"}, "secret"), "(the store's)");
    EXPECT_EQ(reply(session, {"AUTH", "wrong"}, "secret"), kWrong);
    EXPECT_TRUE(session.allowed());  // as with Redis, a wrong one takes nothing away
}

TEST(RespSession, EndsWhereSomebodySpeaksHttp) {
    for (const bool needs_password : {false, true}) {
        RespSession session(1, needs_password);
        for (const Words& words : {Words{"POST", "/", "HTTP/1.1"}, Words{"Host:", "localhost:6379"},
                                   Words{"host:", "a"}, Words{"post"}}) {
            const auto answer = session.answer(words, needs_password ? "secret" : "");
            ASSERT_TRUE(answer) << words[0];
            EXPECT_TRUE(answer->last);
        }
    }
}

TEST(RespSession, TakesTheDefaultUser) {
    RespSession session(1, true);
    EXPECT_EQ(reply(session, {"AUTH", "default", "secret"}, "secret"), kOk);
    EXPECT_TRUE(session.allowed());
}

TEST(RespSession, IsGreetedWithAPassword) {
    RespSession session(7, true);
    EXPECT_EQ(reply(session, {"HELLO", "2", "AUTH", "default", "wrong"}, "secret"), kWrong);
    EXPECT_FALSE(session.allowed());
    const std::string hello =
        reply(session, {"HELLO", "2", "AUTH", "default", "secret", "SETNAME", "ops"}, "secret");
    EXPECT_EQ(hello.substr(0, 28), "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
    EXPECT_TRUE(session.allowed());
    EXPECT_EQ(reply(session, {"CLIENT", "GETNAME"}, "secret"), "$3\r\nops\r\n");
    EXPECT_EQ(reply(session, {"CLIENT", "ID"}, "secret"), ":7\r\n");
    EXPECT_EQ(reply(session, {"HELLO", "3"}, "secret"),
              "-NOPROTO unsupported protocol version\r\n");
    EXPECT_EQ(reply(session, {"HELLO", "2", "AUTH"}, "secret"),
              "-ERR Syntax error in HELLO option 'AUTH'\r\n");
}

TEST(RespSession, SaysThatItIsAGateways) {
    RespSession session(1, true);
    EXPECT_EQ(reply(session, {"GATEWAY"}, "secret"), kNoAuth);
    EXPECT_EQ(reply(session, {"AUTH", "secret"}, "secret"), kOk);
    for (const char* asked : {"GATEWAY", "gateway"}) {
        EXPECT_TRUE(reply(session, {asked}, "secret").contains("\r\napi-gateway ")) << asked;
    }
}

TEST(RespSession, HasAName) {
    RespSession session(1, false);
    EXPECT_EQ(reply(session, {"CLIENT", "GETNAME"}, ""), "$-1\r\n");
    EXPECT_EQ(reply(session, {"client", "setname", "runbook"}, ""), kOk);
    EXPECT_EQ(reply(session, {"CLIENT", "GETNAME"}, ""), "$7\r\nrunbook\r\n");
    EXPECT_EQ(reply(session, {"CLIENT", "SETNAME", "a b"}, "").substr(0, 4), "-ERR");
    EXPECT_EQ(reply(session, {"CLIENT", "SETINFO", "LIB-NAME", "x"}, ""), kOk);
}

TEST(RespSession, EndsWhenAsked) {
    RespSession session(1, true);
    const auto answer = session.answer({"quit"}, "secret");
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->last);
    EXPECT_EQ(answer->reply, kOk);
}

TEST(SameSecret, ComparesWholeSecrets) {
    EXPECT_TRUE(same_secret("", ""));
    EXPECT_TRUE(same_secret("abc", "abc"));
    EXPECT_FALSE(same_secret("abc", "abd"));
    EXPECT_FALSE(same_secret("abc", "abcd"));
    EXPECT_FALSE(same_secret(std::string_view("a\0b", 3), "a"));
}

}  // namespace
}  // namespace gw::state
