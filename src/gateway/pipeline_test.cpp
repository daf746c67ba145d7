// Requests through the real list of stages, with a scripted client.
#include "gateway/pipeline.hpp"

#include <gtest/gtest.h>

#include "gateway/arrival.hpp"
#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

struct Decided {
    Verdict::Kind kind{};
    Code code{};
    std::string by;
    std::string upstream_path;
    std::uint64_t body_limit = 0;
};

class Pipeline : public ::testing::Test {
  protected:
    static std::vector<std::unique_ptr<Route>> routes() {
        std::vector<std::unique_ptr<Route>> routes;
        routes.push_back(prefix_route("/api/v1/events/**"));
        routes.push_back(prefix_route("/api/v1/auth/**"));
        routes.back()->same_path = false;
        routes.back()->rewrite.push_back({"/auth", -1});
        routes.push_back(prefix_route("/only/post", method_bit(http::Method::post)));
        return routes;
    }
    Decided decided(std::string_view line, std::string_view more = "") {
        ScriptedStream stream(std::string(line) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more) +
                              "\r\n");
        const http::Borrowed<ExchangeMemory> memory(fixture_.shard.memory());
        Exchange x(stream, fixture_.shard, *memory);
        identify(x);
        const Verdict verdict = decide(x);
        return {verdict.kind(), verdict.code(), std::string(x.outcome.decided_by),
                std::string(x.upstream_path), stream.body_limit};
    }
    ShardFixture fixture_{routes()};
};

TEST_F(Pipeline, AGoodRequestPassesWithItsServicePath) {
    const Decided d = decided("GET /api/v1/events/7?x=1");
    EXPECT_EQ(d.kind, Verdict::Kind::go_on);
    EXPECT_EQ(d.upstream_path, "/api/v1/events/7");
    EXPECT_EQ(d.body_limit, 1'000U);
    EXPECT_EQ(decided("POST /api/v1/auth/login").upstream_path, "/auth/login");
    EXPECT_EQ(decided("POST /api/v1/auth").upstream_path, "/auth");
    EXPECT_EQ(decided("GET /api/v1//events/./7").upstream_path, "/api/v1/events/7");
}

TEST_F(Pipeline, WhatNoRouteTakesIsRefusedWithTheReason) {
    EXPECT_EQ(decided("GET /nowhere").code, Code::no_route);
    EXPECT_EQ(decided("GET /only/post").code, Code::method_not_allowed);
    EXPECT_EQ(decided("GET /api/v1/events/%2e%2e/%2e%2e/%2e%2e/%2e%2e").code, Code::bad_request);
    EXPECT_EQ(decided("GET /api/v1/events/a%2fb").code, Code::bad_request);
    EXPECT_EQ(decided("GET /nowhere").by, "route");
}

TEST_F(Pipeline, PathsBetweenServicesAreOutOfReachHoweverTheyAreWritten) {
    for (const std::string_view path :
         {"/api/v1/auth/internal/users/1", "/api/v1/events/internal", "/api/v1/events/7/INTERNAL/x",
          "/api/v1/events/%69nternal", "/api/v1/events/%49%4e%54%45%52%4e%41%4c",
          "/api/v1/events/metrics", "/api/v1/auth/Metrics", "/api/v1/events//metrics/x",
          "/api/v1/events/./internal"}) {
        const Decided d = decided("GET " + std::string(path));
        EXPECT_EQ(d.kind, Verdict::Kind::refuse) << path;
        EXPECT_EQ(d.code, Code::no_route) << path;
    }
    EXPECT_EQ(decided("GET /api/v1/events/7/metrics").kind, Verdict::Kind::go_on);
    EXPECT_EQ(decided("GET /api/v1/events/internals").kind, Verdict::Kind::go_on);
}

TEST_F(Pipeline, AnAnnouncedBodyOverTheLimitIsRefusedAtOnce) {
    EXPECT_EQ(decided("POST /api/v1/events/7", "Content-Length: 1001\r\n").code,
              Code::payload_too_large);
    EXPECT_EQ(decided("POST /api/v1/events/7", "Content-Length: 1000\r\n").kind,
              Verdict::Kind::go_on);
}

TEST_F(Pipeline, BytesThatAreNoRequestMeetNoStage) {
    const Decided d = decided("TRACE /api/v1/events");
    EXPECT_EQ(d.code, Code::method_not_allowed);
    EXPECT_EQ(d.by, "protocol");
}

TEST_F(Pipeline, WhatTheGatewayAsAWholeTakesIsAskedOfNoRoute) {
    EXPECT_EQ(decided("OPTIONS *").kind, Verdict::Kind::answer);
    EXPECT_EQ(decided("OPTIONS *").by, "route");
    EXPECT_EQ(decided("OPTIONS http://a").kind, Verdict::Kind::answer);
    EXPECT_EQ(decided("GET *").by, "protocol");
}

TEST_F(Pipeline, OptionsThatMayGoNoFurtherAreAnsweredHere) {
    const std::string_view line = "OPTIONS /api/v1/events/7";
    EXPECT_EQ(decided(line, "Max-Forwards: 0\r\n").by, "max_forwards");
    EXPECT_EQ(decided(line, "Max-Forwards: 1\r\n").kind, Verdict::Kind::go_on);
    EXPECT_EQ(decided(line, "Max-Forwards: x\r\n").kind, Verdict::Kind::go_on);
    EXPECT_EQ(decided(line).kind, Verdict::Kind::go_on);
    EXPECT_EQ(decided("GET /api/v1/events/7", "Max-Forwards: 0\r\n").kind, Verdict::Kind::go_on);
    EXPECT_EQ(decided("OPTIONS /nowhere", "Max-Forwards: 0\r\n").code, Code::no_route);
    EXPECT_EQ(decided("OPTIONS /api/v1/events/internal", "Max-Forwards: 0\r\n").code,
              Code::no_route);
}

TEST_F(Pipeline, HealthIsAnsweredBeforeAnyRoute) {
    EXPECT_EQ(decided("GET /health/live").kind, Verdict::Kind::answer);
    EXPECT_EQ(decided("GET /health").by, "health");
    EXPECT_EQ(decided("POST /health").code, Code::method_not_allowed);
    EXPECT_EQ(decided("GET /healthy").code, Code::no_route);
}

}  // namespace
}  // namespace gw::gateway
