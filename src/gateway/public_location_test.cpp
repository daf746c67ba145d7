#include "gateway/public_location.hpp"

#include <gtest/gtest.h>

#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

std::string seen(std::string_view location, std::string_view base = "/up",
                 std::string_view prefix = "/api/v1/one") {
    Arena arena;
    return std::string(public_location(
        arena, {.authority = "inner.svc:4003", .base = base, .prefix = prefix}, location));
}

TEST(PublicLocation, OneOfTheServiceIsAPathOfOurs) {
    EXPECT_EQ(seen("http://inner.svc:4003/up/made/1"), "/api/v1/one/made/1");
    EXPECT_EQ(seen("http://inner.svc:4003/up"), "/api/v1/one");
    EXPECT_EQ(seen("//inner.svc:4003/up/x"), "/api/v1/one/x");
    EXPECT_EQ(seen("https://inner.svc:4003/up?x=1#f"), "/api/v1/one?x=1#f");
    EXPECT_EQ(seen("http://inner.svc:4003/elsewhere"), "/elsewhere");
}

TEST(PublicLocation, HoweverSchemeAndHostAreWritten) {
    EXPECT_EQ(seen("HTTP://Inner.SVC:4003/up/x"), "/api/v1/one/x");
    EXPECT_EQ(seen("http://me:secret@inner.svc:4003/up/x"), "/api/v1/one/x");
    Arena arena;
    const PublicPlace usual{.authority = "inner.svc:80", .base = "", .prefix = ""};
    EXPECT_EQ(public_location(arena, usual, "http://inner.svc/x"), "/x");
    EXPECT_EQ(public_location(arena, usual, "//inner.svc/x"), "/x");
    EXPECT_EQ(public_location(arena, usual, "https://inner.svc/x"), "https://inner.svc/x");
}

TEST(PublicLocation, WhatHasNoPathIsOurRoot) {
    for (const char* end : {"", "?x=1", "#f"}) {
        EXPECT_EQ(seen(std::string("http://inner.svc:4003") + end), std::string("/") + end);
    }
}

TEST(PublicLocation, TheBaseEndsWithItsSegment) {
    EXPECT_EQ(seen("http://inner.svc:4003/upper/x"), "/upper/x");
    EXPECT_EQ(seen("http://inner.svc:4003/x", ""), "/api/v1/one/x");
}

TEST(PublicLocation, NeverBecomesAnotherAuthority) {
    for (const char* path :
         {"//evil.com/x", "/\\evil.com/x", "\\\\evil.com/x", "/\t/evil.com/x", "///evil.com/x"}) {
        EXPECT_EQ(seen(std::string("http://inner.svc:4003") + path), "/evil.com/x") << path;
        EXPECT_EQ(seen(std::string("http://inner.svc:4003/up") + path, "/up", "").substr(0, 2),
                  path[0] == '/' ? "/e" : "/u")
            << path;
    }
}

TEST(PublicLocation, AnyOtherStays) {
    for (const char* other :
         {"", "/x", "x", "?x", "//evil.com/x", "https://www.example.com/x", "mailto:a@b",
          "http://inner.svc:4003.evil.com/x", "http://inner.svc:40031/x", "http://inner.svc/x",
          "http://inner.svc:4003@evil.com/x", "http:/inner.svc:4003/x"}) {
        EXPECT_EQ(seen(other), other);
    }
}

TEST(PublicLocation, ARewriteWithParametersHasThoseOfTheRequest) {
    std::vector<std::unique_ptr<Route>> routes;
    routes.push_back(prefix_route("/t/{tenant}/**"));
    routes.back()->same_path = false;
    routes.back()->rewrite.push_back({"/of/", 0});
    ShardFixture fixture(std::move(routes));
    ScriptedStream stream("GET /t/alpha/x HTTP/1.1\r\nHost: h\r\n\r\n");
    const http::Borrowed<ExchangeMemory> memory(fixture.shard.memory());
    Exchange x(stream, fixture.shard, *memory);
    x.route = fixture.shard.current().site->routes.routes().front().get();
    x.service_index = 0;
    x.path = "/t/alpha/x";
    x.upstream_path = "/of/alpha/x";
    x.rest = "/x";
    EXPECT_EQ(public_location(x, "http://event-service:4003/of/alpha/y"), "/t/alpha/y");
    EXPECT_EQ(public_location(x, "http://event-service:4003/of/beta/y"), "/of/beta/y");
}

}  // namespace
}  // namespace gw::gateway
