#include "gateway/shard.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "gateway/exchange_test_support.hpp"
#include "gateway/finish.hpp"

namespace gw::gateway {
namespace {

net::Task<void> nothing() {
    co_return;
}

TEST(Shard, ThatOnlySupposesBeginsNothingBehindRequests) {
    ShardFixture fixture({});
    fixture.shard.only_suppose();
    bool began = false;
    fixture.shard.spawn_behind([&] {
        began = true;
        return nothing();
    });
    EXPECT_FALSE(began);
}

// A loop that nothing else stops.
struct AtTheLatest : net::Timer {
    explicit AtTheLatest(net::Loop& loop)
        : Timer([](Timer& t) { static_cast<AtTheLatest&>(t).loop.stop(); }), loop(loop) {
        loop.timers().arm(*this, loop.now() + std::chrono::seconds(10));
    }
    net::Loop& loop;
};

// Whatever else is written, or is not.
TEST(Shard, HandsATraceOnSoonAndTheLastOnesWhenItIsTold) {
    ShardFixture fixture({});
    std::size_t handed = 0;
    fixture.shard.send_traces_by([&](const observe::TraceBatch& batch) {
        handed += batch.size();
        fixture.loop.stop();
    });
    fixture.shard.keep_trace(std::make_unique<observe::TraceRecord>());
    EXPECT_EQ(handed, 0U);
    const AtTheLatest latest(fixture.loop);
    fixture.loop.run();
    EXPECT_EQ(handed, 1U);
    fixture.shard.keep_trace(std::make_unique<observe::TraceRecord>());
    fixture.shard.flush();
    EXPECT_EQ(handed, 2U);
}

using Awaited = std::set<std::pair<std::string_view, std::string_view>>;

Awaited awaited(const observe::MetricBlock& block) {
    Awaited found;
    block.routes.each([&](const observe::RouteSeries& route) {
        route.methods.each(
            [&](const observe::MethodSeries& method) { found.emplace(route.name, method.method); });
    });
    return found;
}

TEST(Shard, AwaitsOfARouteTheMethodsThatItListsAndElseThoseThatAreAskedMost) {
    std::vector<std::unique_ptr<Route>> routes;
    routes.push_back(prefix_route("/any/**"));
    routes.push_back(
        prefix_route("/listed/**", static_cast<std::uint16_t>(method_bit(http::Method::put) |
                                                              method_bit(http::Method::delete_))));
    const ShardFixture fixture(std::move(routes));
    EXPECT_EQ(awaited(fixture.metrics), (Awaited{{"/any/**", "GET"},
                                                 {"/any/**", "POST"},
                                                 {"/listed/**", "PUT"},
                                                 {"/listed/**", "DELETE"}}));
}

TEST(Shard, SaysFromTheStartHowMuchAServiceIsAskedAtOnce) {
    ShardFixture fixture({});
    EXPECT_GT(fixture.metrics.upstream("event-service").concurrency_limit.value(), 0U);
}

// Each rollout has some of them: an alarm that tells of every planned end tells of nothing.
TEST(Shard, WhoAsksWhetherADrainingGatewayIsReadyMeetsNoFailure) {
    ShardFixture fixture({});
    ScriptedStream stream("GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n");
    const http::Borrowed<ExchangeMemory> memory(fixture.shard.memory());
    const Exchange x(stream, fixture.shard, *memory);
    const auto level_of = [&](std::string_view decided_by) {
        const Outcome outcome{.status = 503, .decided_by = decided_by, .why = {}};
        return record_of(x, outcome, Instant{}).level;
    };
    auto report = std::make_shared<HealthReport>();
    report->started = true;
    fixture.shard.adopt_health(report);
    EXPECT_EQ(level_of("health"), observe::LogLevel::error);
    report = std::make_shared<HealthReport>(*report);
    report->draining = true;
    fixture.shard.adopt_health(report);
    EXPECT_EQ(level_of("health"), observe::LogLevel::info);
    EXPECT_EQ(level_of("forward"), observe::LogLevel::error);
}

}  // namespace
}  // namespace gw::gateway
