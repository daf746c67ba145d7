#include "observe/history.hpp"

#include <gtest/gtest.h>

namespace gw::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct HistoryOf : testing::Test {
    // One request a call that took `us`, of a service and a route.
    void request(std::uint64_t us, bool failed = false) {
        const std::size_t bucket = DurationHistogram::bucket_of(us);
        for (FlowTotal* const flow :
             {&totals.all, &totals.services["events"], &totals.routes["/e"]}) {
            ++flow->requests;
            flow->errors += failed ? 1 : 0;
            ++flow->took[bucket];
        }
    }
    void tick(milliseconds after = milliseconds{1'000}) {
        now += after;
        wall += after;
        history.add(totals, now, wall);
    }

    Totals totals;
    History history;
    Instant now = Instant{} + seconds(100);
    WallTime wall = WallTime{} + seconds(1'000'000);
};

TEST_F(HistoryOf, CountsFromItsFirstSampleOn) {
    request(900);
    tick();
    EXPECT_TRUE(history.fine().empty());
    request(900);
    request(900, true);
    tick();
    ASSERT_EQ(history.fine().size(), 1U);
    EXPECT_EQ(history.all().fine.back().requests, 2U);
    EXPECT_EQ(history.all().fine.back().errors, 1U);
    EXPECT_EQ(history.services().at("events").fine.back().requests, 2U);
    EXPECT_EQ(history.fine().back().end, wall);
}

TEST_F(HistoryOf, AStepIsAsLongAsItWas) {
    tick();
    tick(milliseconds{1'500});
    EXPECT_FLOAT_EQ(history.fine().back().seconds, 1.5F);
}

TEST_F(HistoryOf, LatencyIsThatOfTheStepAlone) {
    tick();
    for (int i = 0; i < 100; ++i) {
        request(2'000);  // the bucket from 1 to 2.5 ms
    }
    tick();
    EXPECT_NEAR(history.all().fine.back().p50, 0.00175, 1e-6);
    for (int i = 0; i < 100; ++i) {
        request(2'000'000);
    }
    tick();
    EXPECT_NEAR(history.all().fine.back().p50, 1.5, 1e-6);
    tick();
    EXPECT_EQ(history.all().fine.back().p99, 0);
}

TEST_F(HistoryOf, TenStepsMakeACoarseOneWithLatencyOfItsOwn) {
    tick();
    for (int i = 0; i < 10; ++i) {
        request(i == 9 ? 2'000'000 : 900);
        totals.in_progress = i == 3 ? 7 : 1;
        tick();
    }
    ASSERT_EQ(history.coarse().size(), 1U);
    const History::Point& point = history.all().coarse.back();
    EXPECT_EQ(point.requests, 10U);
    EXPECT_EQ(point.in_progress, 7U);
    EXPECT_LT(point.p50, 0.001);
    EXPECT_GT(point.p99, 1.0);
    EXPECT_FLOAT_EQ(history.coarse().back().seconds, 10);
}

TEST_F(HistoryOf, KeepsFiveMinutesAndAnHourAndNoMore) {
    for (int i = 0; i < 5'000; ++i) {
        request(900);
        tick();
    }
    EXPECT_EQ(history.fine().size(), History::kFine);
    EXPECT_EQ(history.coarse().size(), History::kCoarse);
    EXPECT_EQ(history.all().fine.size(), History::kFine);
    EXPECT_EQ(history.services().at("events").coarse.size(), History::kCoarse);
    EXPECT_EQ(history.fine()[0].end, wall - seconds(299));
    EXPECT_EQ(history.coarse()[0].end, history.coarse().back().end - seconds(3'590));
}

TEST_F(HistoryOf, WhatComesLaterHasFewerSteps) {
    for (int i = 0; i < 5; ++i) {
        tick();
    }
    request(900);
    totals.counts["token.expired"] = 3;
    tick();
    EXPECT_EQ(history.fine().size(), 5U);
    EXPECT_EQ(history.services().at("events").fine.size(), 1U);
    EXPECT_EQ(history.services().at("events").fine.back().requests, 1U);
    EXPECT_EQ(history.counts().at("token.expired").fine.back(), 3U);
}

TEST_F(HistoryOf, ARoutesMinuteForgetsWhatIsOlder) {
    tick();
    request(900, true);
    for (int i = 0; i < 40; ++i) {
        tick();
    }
    const auto minute = [&] {
        const History::RouteSeries& route = history.routes().at("/e");
        return route.minute.until(route.now);
    };
    EXPECT_EQ(minute().errors, 1U);
    for (int i = 0; i < 70; ++i) {
        tick();
    }
    EXPECT_EQ(minute().errors, 0U);
    request(900);
    tick();
    EXPECT_EQ(minute().requests, 1U);
}

TEST_F(HistoryOf, SeriesAreBounded) {
    std::vector<std::string> names;
    names.reserve(2'000);
    tick();
    for (int i = 0; i < 2'000; ++i) {
        names.push_back("n" + std::to_string(i));
        totals.services[names.back()].requests = 1;
        totals.routes[names.back()].requests = 1;
        totals.counts[names.back()] = 1;
    }
    tick();
    EXPECT_EQ(history.services().size(), History::kServicesMax);
    EXPECT_EQ(history.routes().size(), History::kRoutesMax);
    EXPECT_EQ(history.counts().size(), History::kCountsMax);
}

TEST(Totals, SumWhatWorkersCount) {
    MetricBlock one;
    MetricBlock two;
    one.route("/a").finished("GET", 200, milliseconds{2}, 0, 0);
    two.route("/a").finished("POST", 503, milliseconds{2}, 0, 0);
    two.route("/b").finished("GET", 404, milliseconds{2}, 0, 0);
    two.route("/unused");
    one.upstream("events").answered(200, milliseconds{1});
    one.upstream("events").failed(UpstreamError::timeout);
    one.protocol("HTTP/1.1").in_progress.set(2);
    two.protocol("HTTP/2").in_progress.set(3);
    two.rate_limited("general", false).add(4);
    one.token_errors[5].add();
    const std::array<const MetricBlock*, 2> blocks{&one, &two};
    const Totals totals = read_totals(blocks);
    EXPECT_EQ(totals.all.requests, 3U);
    EXPECT_EQ(totals.all.errors, 1U);
    EXPECT_EQ(totals.all.refused, 1U);
    EXPECT_EQ(totals.routes.size(), 2U);
    EXPECT_EQ(totals.routes.at("/a").requests, 2U);
    EXPECT_EQ(totals.services.at("events").requests, 2U);
    EXPECT_EQ(totals.services.at("events").errors, 1U);
    EXPECT_EQ(totals.in_progress, 5U);
    EXPECT_EQ(totals.counts.at("limit.general"), 4U);
    EXPECT_EQ(totals.counts.at("token.expired"), 1U);
    EXPECT_EQ(totals.counts.at("upstream.events.timeout"), 1U);
}

TEST(Quantile, LiesWithinItsBucket) {
    DurationCounts counts{};
    EXPECT_EQ(quantile_of(counts, 0.5), 0);
    counts[0] = 10;  // up to 1 ms
    EXPECT_NEAR(quantile_of(counts, 0.5), 0.0005, 1e-9);
    counts.back() = 10;  // beyond 10 s
    EXPECT_NEAR(quantile_of(counts, 0.99), 10, 1e-9);
}

}  // namespace
}  // namespace gw::observe
