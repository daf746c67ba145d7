#include "gateway/balance_key.hpp"

#include <gtest/gtest.h>

#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

TEST(BalanceKey, FindsACookieAmongOthers) {
    EXPECT_EQ(cookie_value("a=1; session=xyz; b=2", "session"), "xyz");
    EXPECT_EQ(cookie_value("session=xyz", "session"), "xyz");
    EXPECT_EQ(cookie_value("xsession=no; session2=no", "session"), "");
    EXPECT_EQ(cookie_value("session=", "session"), "");
    EXPECT_EQ(cookie_value(";;=;session", "session"), "");
}

class BalanceKeys : public testing::Test {
  protected:
    static std::vector<std::unique_ptr<Route>> one_route() {
        std::vector<std::unique_ptr<Route>> routes;
        routes.push_back(prefix_route("/api/v1/events/**"));
        return routes;
    }
    std::uint64_t key(const char* fields, const char* text) {
        ScriptedStream stream("GET /api/v1/events/7 HTTP/1.1\r\nHost: h\r\n" + std::string(fields) +
                              "\r\n");
        Exchange x(stream, fixture_.shard, memory_);
        x.client_text = "203.0.113.7";
        x.route = fixture_.shard.current().site->routes.routes().front().get();
        return balance_key(x, *upstream::HashKey::parse(text));
    }
    ShardFixture fixture_{one_route()};
    ExchangeMemory memory_;
};

TEST_F(BalanceKeys, AreTheSameForTheSameValueWhateverElseIsSaid) {
    EXPECT_EQ(key("X-Session: a\r\n", "header:x-session"),
              key("Accept: b\r\nX-SESSION: a\r\n", "header:X-Session"));
    EXPECT_NE(key("X-Session: a\r\n", "header:x-session"),
              key("X-Session: b\r\n", "header:x-session"));
    EXPECT_EQ(key("Cookie: s=a; t=1\r\n", "cookie:s"), key("Cookie: t=2; s=a\r\n", "cookie:s"));
}

TEST_F(BalanceKeys, FallBackOnTheAddress) {
    const std::uint64_t by_address = key("", "address");
    for (const char* text : {"user", "header:X-Session", "cookie:s", "parameter:id"}) {
        EXPECT_EQ(key("", text), by_address) << text;
    }
}

}  // namespace
}  // namespace gw::gateway
