#include "gateway/field_changes.hpp"

#include <gtest/gtest.h>

#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

FieldTemplate field(std::string_view line) {
    const auto read = FieldTemplate::parse(line);
    EXPECT_TRUE(read.has_value()) << line;
    return *read;
}

std::size_t flaws(std::string_view name, Towards towards, bool authorization = false) {
    FieldChanges changes;
    changes.set.push_back(field(std::string(name) + ": x"));
    return flaws_of(changes, towards, authorization).size();
}

TEST(FieldTemplate, IsANameAndAValue) {
    EXPECT_EQ(field("X-Source:edge-{tenant}").to_string(), "X-Source: edge-{tenant}");
    for (const char* line : {"", "X-A", ": x", "X A: x", "X-A: ", "X-A: {", "X-A: a\nb"}) {
        EXPECT_FALSE(FieldTemplate::parse(line).has_value()) << line;
    }
}

TEST(FieldChanges, NameNothingThatTheGatewayAnswersFor) {
    for (const char* name :
         {"Host", "Connection", "Content-Length", "Transfer-Encoding", "X-User-Id", "x_user_id",
          "X-Tenant-Id", "X-Internal-Signature", "X-Forwarded-For", "X-Gateway-Forwarded", "Via",
          "X-Request-Id", "traceparent", "X-Original-URL", "X-API-Key", "Upgrade", "Date",
          "X-Request-Deadline", "Sec-WebSocket-Accept"}) {
        EXPECT_EQ(flaws(name, Towards::service), 1U) << name;
    }
    for (const char* name : {"Set_Cookie", "Cookie", "X-Source", "User-Agent", "Accept"}) {
        EXPECT_EQ(flaws(name, Towards::service), 0U) << name;
    }
    for (const char* name :
         {"X-RateLimit-Limit", "RateLimit", "X-Maintenance-Banner", "Access-Control-Allow-Origin",
          "X-Resource-Tenant", "Content-Encoding", "Strict-Transport-Security", "Age"}) {
        EXPECT_EQ(flaws(name, Towards::client), 1U) << name;
    }
    EXPECT_EQ(flaws("Cache-Control", Towards::client), 0U);
}

TEST(FieldChanges, WriteAuthorizationOnlyWhenToldTo) {
    EXPECT_EQ(flaws("Authorization", Towards::service), 1U);
    EXPECT_EQ(flaws("Authorization", Towards::service, true), 0U);
    FieldChanges changes;
    changes.remove = {"Authorization"};
    EXPECT_TRUE(flaws_of(changes, Towards::service, false).empty());
}

TEST(FieldChanges, RemoveThenSetThenAdd) {
    std::vector<std::unique_ptr<Route>> routes;
    routes.push_back(prefix_route("/a/**"));
    ShardFixture fixture(std::move(routes));
    ScriptedStream stream("GET /a/b HTTP/1.1\r\nHost: h\r\n\r\n");
    const http::Borrowed<ExchangeMemory> memory(fixture.shard.memory());
    Exchange x(stream, fixture.shard, *memory);
    x.route = fixture.shard.current().site->routes.routes().front().get();
    x.request_id = "r-1";
    http::Headers headers;
    for (const auto& [name, value] : {std::pair{"X-Debug", "1"},
                                      {"X_Debug", "1"},
                                      {"x-source", "client"},
                                      {"X_Source", "client"},
                                      {"Accept", "a"}}) {
        ASSERT_TRUE(headers.add(name, value));
    }
    FieldChanges changes;
    changes.remove = {"x-debug"};
    changes.set = {field("X-Source: edge {request_id}"), field("X-Caller: {user}"),
                   field("x-debug: set anew")};
    changes.add = {field("Accept: b")};
    ASSERT_TRUE(change_fields(x, changes, headers));
    std::string all;
    for (const http::Field& each : headers) {
        all += std::string(each.name) + "=" + std::string(each.value) + ";";
    }
    // Nobody says who calls: what is left of X-Caller is not sent.
    EXPECT_EQ(all, "Accept=a;X-Source=edge r-1;x-debug=set anew;Accept=b;");
}

}  // namespace
}  // namespace gw::gateway
