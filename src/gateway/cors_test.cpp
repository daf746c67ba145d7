// Who may read answers from other origins, and what browsers are told.
#include "gateway/cors.hpp"

#include <gtest/gtest.h>

#include "gateway/arrival.hpp"
#include "gateway/exchange_test_support.hpp"
#include "gateway/own_response.hpp"
#include "gateway/pipeline.hpp"

namespace gw::gateway {
namespace {

TEST(Cors, AnExactOriginIsThatOneAndNoOther) {
    const Cors cors({.origins = {"https://app.example.com", "http://localhost:3000"}});
    EXPECT_TRUE(cors.allows("https://app.example.com"));
    EXPECT_TRUE(cors.allows("http://localhost:3000"));
    EXPECT_FALSE(cors.allows("http://app.example.com"));
    EXPECT_FALSE(cors.allows("https://app.example.com:8443"));
    EXPECT_FALSE(cors.allows("https://app.example.com.attacker.net"));
    EXPECT_FALSE(cors.allows("null"));
    EXPECT_FALSE(cors.allows(""));
}

TEST(Cors, APatternTakesTrueSubdomainsOnly) {
    const Cors cors({.origins = {"https://*.tickettoken.com"}});
    EXPECT_TRUE(cors.allows("https://app.tickettoken.com"));
    EXPECT_TRUE(cors.allows("https://a.b.tickettoken.com"));
    EXPECT_FALSE(cors.allows("https://tickettoken.com"));
    EXPECT_FALSE(cors.allows("https://eviltickettoken.com"));
    EXPECT_FALSE(cors.allows("https://.tickettoken.com"));
    EXPECT_FALSE(cors.allows("http://app.tickettoken.com"));
    EXPECT_FALSE(cors.allows("https://app.tickettoken.com:444"));
    EXPECT_FALSE(cors.allows("https://evil.com/.tickettoken.com"));
    EXPECT_FALSE(cors.allows("https://evil.com#.tickettoken.com"));
    EXPECT_FALSE(cors.allows("https://user@x.tickettoken.com"));
}

TEST(Cors, OriginsAreWrittenAsBrowsersDo) {
    for (const char* good : {"*", "https://a.example", "https://*.a.example:8443", "app://x"}) {
        EXPECT_FALSE(check_cors_origin(good).has_value()) << good;
    }
    for (const char* bad :
         {"", "null", "a.example", "https://", "https://a.example/", "https://A.example",
          "https://a.example:443", "https://a.*.example", "https://*example.com", "https://*."}) {
        EXPECT_TRUE(check_cors_origin(bad).has_value()) << bad;
    }
    EXPECT_TRUE(flaw_of({.origins = {"*"}}).has_value());
    EXPECT_FALSE(flaw_of({.origins = {"*"}, .credentials = false}).has_value());
}

class Preflight : public ::testing::Test {
  protected:
    static std::vector<std::unique_ptr<Route>> routes() {
        std::vector<std::unique_ptr<Route>> routes;
        routes.push_back(prefix_route("/only/get", method_bit(http::Method::get)));
        return routes;
    }
    void SetUp() override {
        std::vector<ServiceEntry> services(1);
        services[0].name = "event-service";
        auto site = std::make_shared<Site>(routes(), std::move(services));
        site->edge = std::make_unique<const Edge>(Cors({.origins = {"https://a.example"}}),
                                                  SecurityHeaders({}));
        fixture_.shard.adopt(std::move(site));
    }
    void ask(ScriptedStream& stream) {
        const http::Borrowed<ExchangeMemory> memory(fixture_.shard.memory());
        Exchange x(stream, fixture_.shard, *memory);
        identify(x);
        net::Scope scope;
        scope.spawn(respond(x, decide(x)));
    }
    ShardFixture fixture_{routes()};
};

TEST_F(Preflight, IsAnsweredWithoutARouteOrCredentials) {
    ScriptedStream stream(
        "OPTIONS /only/get HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n"
        "Access-Control-Request-Method: PUT\r\n\r\n");
    ask(stream);
    EXPECT_EQ(stream.status, 204);
    EXPECT_EQ(stream.field("Access-Control-Allow-Origin"), "https://a.example");
    EXPECT_EQ(stream.field("Access-Control-Allow-Credentials"), "true");
    EXPECT_EQ(stream.field("Access-Control-Allow-Methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
    EXPECT_EQ(stream.field("Access-Control-Max-Age"), "600");
    EXPECT_EQ(stream.field("Vary"), "Origin");
}

TEST_F(Preflight, OfAnOriginThatMayNotIsNotGranted) {
    ScriptedStream stream(
        "OPTIONS /only/get HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\n"
        "Access-Control-Request-Method: PUT\r\n\r\n");
    ask(stream);
    EXPECT_EQ(stream.status, 204);
    EXPECT_EQ(stream.field("Access-Control-Allow-Origin"), "");
    EXPECT_EQ(stream.field("Vary"), "Origin");
}

TEST_F(Preflight, ARefusalIsReadableToAPageThatMay) {
    ScriptedStream stream("GET /none HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n");
    ask(stream);
    EXPECT_EQ(stream.status, 404);
    EXPECT_EQ(stream.field("Access-Control-Allow-Origin"), "https://a.example");
    EXPECT_NE(stream.field("Access-Control-Expose-Headers"), "");
}

TEST(Edge, TheServicesOwnGrantsAreReplaced) {
    const Edge edge{Cors({.origins = {"https://a.example"}}), SecurityHeaders({})};
    http::RequestHead request;
    request.method = http::Method::get;
    http::Headers headers;
    ASSERT_TRUE(headers.add("access-control-allow-origin", "*"));
    ASSERT_TRUE(headers.add("Vary", "accept, ORIGIN"));
    ASSERT_TRUE(add_edge_fields(edge, request, headers));
    EXPECT_EQ(headers.size(), 1U);
}

TEST(SecurityHeaders, TheStricterOfTwoIsSent) {
    const SecurityHeaders ours({.content_type_options = "nosniff",
                                .frame_options = "SAMEORIGIN",
                                .referrer_policy = "strict-origin"});
    http::Headers headers;
    ASSERT_TRUE(headers.add("x-frame-options", "DENY"));
    ASSERT_TRUE(headers.add("Referrer-Policy", "unsafe-url"));
    ASSERT_TRUE(ours.add_to(headers));
    std::string all;
    for (const http::Field& field : headers) {
        all += std::string(field.name) + "=" + std::string(field.value) + " ";
    }
    EXPECT_EQ(all,
              "x-frame-options=DENY X-Content-Type-Options=nosniff Referrer-Policy=strict-origin ");
}

TEST(SecurityHeaders, WhatIsForPagesIsSentWithPagesOnly) {
    const SecurityHeaders ours({.frame_options = "DENY",
                                .content_security_policy = "default-src 'self'",
                                .content_security_policy_html_only = true});
    for (const auto& [type, expected] :
         {std::pair("application/json", 2U), {"Text/HTML; charset=utf-8", 3U}, {"", 2U}}) {
        http::Headers headers;
        ASSERT_TRUE(headers.add("Content-Type", type, http::Known::content_type));
        ASSERT_TRUE(ours.add_to(headers));
        EXPECT_EQ(headers.size(), expected) << type;
    }
}

TEST(SecurityHeaders, OnlyKnownValuesAreTaken) {
    EXPECT_TRUE(check_frame_options("ALLOW").has_value());
    EXPECT_TRUE(check_referrer_policy("no").has_value());
    EXPECT_TRUE(check_content_type_options("sniff").has_value());
    EXPECT_TRUE(check_header_value("a\r\nb").has_value());
}

}  // namespace
}  // namespace gw::gateway
