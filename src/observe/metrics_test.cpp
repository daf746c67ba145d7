#include "observe/metrics.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "base/version.hpp"
#include "observe/exposition.hpp"

namespace gw::observe {
namespace {

class Metrics : public ::testing::Test {
  protected:
    LogSink sink_{-1};
    Exposition exposition_{sink_, WallTime{}};
};

std::string value_of(const std::string& text, std::string_view series) {
    const std::size_t at = text.find(std::string(series) + " ");
    if (at == std::string::npos) {
        return "";
    }
    const std::size_t from = at + series.size() + 1;
    return text.substr(from, text.find('\n', from) - from);
}

// rate() over a series that begins with a failure does not see it.
TEST_F(Metrics, HasTheFailuresOfWhatIsAskedForFromTheStart) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    const auto count = [&](std::string_view method, std::string_view route, int status) {
        return value_of(exposition_.text(),
                        R"(http_requests_total{service="api-gateway",method=")" +
                            std::string(method) + R"(",route=")" + std::string(route) +
                            R"(",status_code=")" + std::to_string(status) + R"("})");
    };
    EXPECT_EQ(count("GET", "none", 404), "0");
    block.route("/a").finished("GET", 200, Millis{3}, 0, 0);
    for (const int status : {500, 502, 503, 504}) {
        EXPECT_EQ(count("GET", "/a", status), "0");
        EXPECT_EQ(count("POST", "/a", status), "");
    }
    block.route("/a").finished("GET", 503, Millis{3}, 0, 0);
    EXPECT_EQ(count("GET", "/a", 503), "1");
}

// After a start whoever counts sees also what came before his second look.
TEST_F(Metrics, HasTheAnswersOfWhatIsAwaitedBeforeAnybodyAsks) {
    std::array<MetricBlock, 2> blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        exposition_.add_block(blocks[i], i);
        blocks[i].route("/a").awaits("POST");
        blocks[i].route("/a").awaits("POST");
        blocks[i].upstream("s");
    }
    const auto count = [&](const char* status) {
        return value_of(exposition_.text(),
                        std::string(R"(http_requests_total{service="api-gateway",method="POST",)") +
                            R"(route="/a",status_code=")" + status + R"("})");
    };
    const std::string before = exposition_.text();
    for (const std::string status : {"200", "500", "502", "503", "504"}) {
        EXPECT_EQ(count(status.c_str()), "0") << status;
        EXPECT_EQ(
            value_of(before, R"(downstream_requests_total{service="api-gateway",upstream="s",)"
                             R"(status_code=")" +
                                 status + R"("})"),
            "0");
    }
    // How long it took, and how much it was, is of what was asked.
    EXPECT_EQ(before.find("http_request_duration_seconds_bucket"), std::string::npos);
    EXPECT_EQ(before.find("http_request_size_bytes_bucket"), std::string::npos);
    blocks[1].route("/a").finished("POST", 500, Millis{3}, 0, 0);
    EXPECT_EQ(count("500"), "1");
    EXPECT_EQ(value_of(exposition_.text(), R"(http_request_duration_seconds_count{)"
                                           R"(service="api-gateway",method="POST",route="/a"})"),
              "1");
}

TEST_F(Metrics, AServiceThatIsNoLongerConfiguredKeepsItsCountersAndLosesItsState) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    UpstreamSeries& series = block.upstream("gone");
    series.retried();
    series.connections_active.set(1);
    series.configured(false);
    const auto value = [&](const char* name, const char* rest = "") {
        return value_of(
            exposition_.text(),
            std::string(name) + R"({service="api-gateway",upstream="gone")" + rest + "}");
    };
    EXPECT_EQ(value("upstream_connections", R"(,state="active")"), "1");
    series.connections_active.set(0);
    EXPECT_EQ(value("upstream_connections", R"(,state="active")"), "");
    EXPECT_EQ(value("upstream_concurrency_limit"), "");
    EXPECT_EQ(value("upstream_requests_waiting"), "");
    EXPECT_EQ(value("downstream_retries_total"), "1");
    series.configured(true);
    EXPECT_EQ(value("upstream_connections", R"(,state="active")"), "0");
}

// Thousands of routes do not become tens of thousands of series of nothing.
TEST_F(Metrics, WhatIsAwaitedHasABoundAndTakesNoRoomFromWhatIsAsked) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.budgets.awaited.left = 1;
    block.budgets.methods.left = 1;
    for (const char* route : {"/a", "/b"}) {
        block.route(route).awaits("GET");
    }
    const std::string text = exposition_.text();
    EXPECT_NE(text.find(R"(route="/a")"), std::string::npos);
    EXPECT_EQ(text.find(R"(route="/b")"), std::string::npos);
    EXPECT_EQ(value_of(text, R"(metric_series_over_budget_total{service="api-gateway",)"
                             R"(metric="http_requests_total"})"),
              "0");
    block.route("/b").finished("GET", 200, Millis{1}, 0, 0);
    EXPECT_EQ(value_of(exposition_.text(), R"(http_requests_total{service="api-gateway",)"
                                           R"(method="GET",route="/b",status_code="200"})"),
              "1");
}

TEST_F(Metrics, SumsTheWorkersAndNamesTheServiceOnEverySeries) {
    std::array<MetricBlock, 2> blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        exposition_.add_block(blocks[i], i);
        blocks[i].route("/a/**").finished("GET", 200, Millis{3}, 0, 1'024);
    }
    blocks[0].route("/a/**").finished("GET", 503, Millis{3}, 0, 10);
    const std::string text = exposition_.text();
    EXPECT_EQ(
        value_of(
            text,
            R"(http_requests_total{service="api-gateway",method="GET",route="/a/**",status_code="200"})"),
        "2");
    EXPECT_EQ(
        value_of(
            text,
            R"(http_requests_total{service="api-gateway",method="GET",route="/a/**",status_code="503"})"),
        "1");
    EXPECT_EQ(
        value_of(
            text,
            R"(http_request_duration_seconds_bucket{service="api-gateway",method="GET",route="/a/**",le="0.0025"})"),
        "0");
    EXPECT_EQ(
        value_of(
            text,
            R"(http_request_duration_seconds_bucket{service="api-gateway",method="GET",route="/a/**",le="0.005"})"),
        "3");
    EXPECT_EQ(
        value_of(
            text,
            R"(http_request_duration_seconds_count{service="api-gateway",method="GET",route="/a/**"})"),
        "3");
}

TEST_F(Metrics, CountersThatAlertsUseExistFromTheStart) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    const std::string text = exposition_.text();
    for (const std::string_view type : kViolations) {
        EXPECT_EQ(
            value_of(text, R"(security_violations_total{service="api-gateway",violation_type=")" +
                               std::string(type) + R"("})"),
            "0");
    }
}

TEST_F(Metrics, BucketsAreThoseOfTheContract) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    const std::string text = exposition_.text();
    std::string bounds;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("event_loop_lag_seconds_bucket")) {
            const std::size_t from = line.find("le=\"") + 4;
            bounds += line.substr(from, line.find('"', from) - from) + " ";
        }
    }
    EXPECT_EQ(bounds, "0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2 5 10 +Inf ");
}

TEST_F(Metrics, ABoundBelongsToItsBucket) {
    MetricBlock block;
    DurationHistogram& lag = block.loop_lag;
    for (const std::uint64_t us : {0UL, 1'000UL, 1'001UL, 10'000'000UL, 10'000'001UL}) {
        lag.observe(us);
    }
    EXPECT_EQ(lag.count(0), 2U);
    EXPECT_EQ(lag.count(1), 1U);
    EXPECT_EQ(lag.count(12), 1U);
    EXPECT_EQ(lag.count(13), 1U);
    EXPECT_EQ(lag.sum(), 20'002'002U);
}

TEST_F(Metrics, TellsOfReloadsAndOfTheConfigurationInForce) {
    exposition_.config_in_force("aa");
    exposition_.config_adopted("bb");
    exposition_.config_refused();
    const std::string text = exposition_.text();
    EXPECT_EQ(value_of(text, R"(config_reloads_total{service="api-gateway",result="success"})"),
              "1");
    EXPECT_EQ(value_of(text, R"(config_reloads_total{service="api-gateway",result="refused"})"),
              "1");
    EXPECT_EQ(value_of(text, R"(config_hash_info{service="api-gateway",hash="bb"})"), "1");
    EXPECT_EQ(text.find(R"(hash="aa")"), std::string::npos);
}

TEST_F(Metrics, ARefusalLastsUntilAReloadSucceedsOrIsTakenBack) {
    const auto successful = [&] {
        return value_of(exposition_.text(),
                        R"(config_last_reload_successful{service="api-gateway"})");
    };
    EXPECT_EQ(successful(), "1");
    exposition_.config_refused();
    exposition_.config_refused();
    EXPECT_EQ(successful(), "0");
    exposition_.config_taken_back();
    EXPECT_EQ(successful(), "1");
    EXPECT_EQ(value_of(exposition_.text(),
                       R"(config_reloads_total{service="api-gateway",result="success"})"),
              "1");
    exposition_.config_refused();
    exposition_.config_adopted("cc");
    EXPECT_EQ(successful(), "1");
}

TEST_F(Metrics, TellsWhatRunsAndWhere) {
    exposition_.built_from("f9829cf0a1b2");
    exposition_.runs_as("gw-1", "eu");
    const std::string text = exposition_.text();
    EXPECT_EQ(value_of(text, R"(build_info{service="api-gateway",version=")" +
                                 std::string(kVersion) + R"(",commit="f9829cf0a1b2"})"),
              "1");
    EXPECT_EQ(
        value_of(text, R"(gateway_info{service="api-gateway",instance_id="gw-1",region="eu"})"),
        "1");
}

TEST_F(Metrics, TellsHowOldTheStateMayBe) {
    constexpr const char* kName = R"(state_replication_lag_seconds{service="api-gateway"})";
    EXPECT_EQ(value_of(exposition_.text(), kName), "0");
    exposition_.read_state_lag_by([] { return Millis{1'250}; });
    EXPECT_EQ(value_of(exposition_.text(), kName), "1.25");
}

TEST_F(Metrics, TellsOfTheProcess) {
    Exposition exposition(sink_, WallTime(Millis(1'795'417'200'500)));
    const std::string text = exposition.text();
    const auto number = [&](const std::string& name) {
        return std::stod(value_of(text, name + R"({service="api-gateway"})"));
    };
    EXPECT_EQ(number("process_start_time_seconds"), 1'795'417'200.5);
    EXPECT_GT(number("process_resident_memory_bytes"), 1e6);
    EXPECT_GE(number("process_virtual_memory_bytes"), number("process_resident_memory_bytes"));
    EXPECT_GE(number("process_threads"), 2);  // the log's writer is one
    EXPECT_GE(number("process_open_fds"), 3);
    EXPECT_GE(number("process_max_fds"), number("process_open_fds"));
    EXPECT_GT(number("process_cpu_seconds_total"), 0);
}

// An upstream is named by an operator: whatever he writes, the text stays readable.
TEST_F(Metrics, LabelsAreEscaped) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.upstream("a\"b\\c\nd").retried();
    EXPECT_EQ(value_of(exposition_.text(),
                       R"(downstream_retries_total{service="api-gateway",upstream="a\"b\\c\nd"})"),
              "1");
}

// What promtool looks at: each family once, with help and type before its series, and histograms
// whose buckets never fall and end with the count.
void check_text(const std::string& text) {
    std::set<std::string> families;
    std::string family;
    double bucket = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# HELP ")) {
            family = line.substr(7, line.find(' ', 7) - 7);
            ASSERT_TRUE(families.insert(family).second) << family;
            ASSERT_GT(line.size(), 8 + family.size()) << "no help: " << line;
            std::getline(lines, line);
            ASSERT_TRUE(line.starts_with("# TYPE " + family + " ")) << line;
            continue;
        }
        ASSERT_TRUE(line.starts_with(family)) << line;
        ASSERT_NE(line.find(R"({service="api-gateway")"), std::string::npos) << line;
        const double value = std::stod(line.substr(line.rfind(' ') + 1));
        if (line.starts_with(family + "_bucket")) {
            ASSERT_GE(value, bucket) << line;
            bucket = value;
        }
        if (line.starts_with(family + "_count")) {
            ASSERT_EQ(value, bucket) << line;  // the last of its buckets
            bucket = 0;
        }
    }
    ASSERT_GT(families.size(), 10U);
}

TEST_F(Metrics, TextIsWhatPrometheusReads) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.route("/a/**").finished("GET", 200, Millis{3}, 0, 1);
    block.upstream("s").failed(UpstreamError::connect_timeout);
    block.protocol("HTTP/1.1").in_progress.set(1);
    block.dangerous_header("x-user-id").add();
    const std::string text = exposition_.text();
    check_text(text);
    if (std::system("command -v promtool >/dev/null") == 0) {
        FILE* const promtool = ::popen("promtool check metrics", "w");
        ASSERT_NE(promtool, nullptr);
        ASSERT_EQ(std::fwrite(text.data(), 1, text.size(), promtool), text.size());
        EXPECT_EQ(::pclose(promtool), 0);
    }
}

TEST_F(Metrics, AScrapeWhileWorkersCountSeesOnlyWholeNumbers) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    std::jthread worker([&](const std::stop_token& stop) {
        for (int i = 0; !stop.stop_requested(); ++i) {
            block.route("/r" + std::to_string(i % 50))
                .finished("GET", 200 + i % 7, Millis{i % 20}, 0, 0);
            block.upstream("s").answered(200, Millis{1});
        }
    });
    for (int i = 0; i < 50; ++i) {
        check_text(exposition_.text());
    }
}

// What a worker has for one kind of series ends somewhere; then all others are counted together.
TEST_F(Metrics, WhatHasNoRoomIsCountedAsOther) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    std::vector<std::string> told;
    exposition_.tell_over_budget_to([&](std::string_view metric) { told.emplace_back(metric); });
    EXPECT_EQ(
        value_of(
            exposition_.text(),
            R"(metric_series_over_budget_total{service="api-gateway",metric="http_requests_total"})"),
        "0");
    EXPECT_TRUE(told.empty());
    block.budgets.routes.left = 2;
    block.budgets.statuses.left = 3;
    block.budgets.upstreams.left = 1;
    block.budgets.policies.left = 1;
    for (const char* route : {"/a", "/b", "/c", "/d", "/a"}) {
        block.route(route).finished("GET", 200, Millis{1}, 0, 0);
    }
    block.route("/a").finished("GET", 404, Millis{1}, 0, 0);
    block.upstream("one").answered(200, Millis{1});
    block.upstream("two").answered(200, Millis{1});
    block.rate_limited("general", false).add();
    block.rate_limited("more", false).add();
    const std::string text = exposition_.text();
    const auto requests = [&](const std::string& route, const std::string& status) {
        return value_of(text, R"(http_requests_total{service="api-gateway",method="GET",route=")" +
                                  route + R"(",status_code=")" + status + R"("})");
    };
    EXPECT_EQ(requests("/a", "200"), "2");
    EXPECT_EQ(requests("/b", "200"), "1");
    EXPECT_EQ(requests("/c", "200"), "");
    EXPECT_EQ(requests("_other", "200"), "2");
    EXPECT_EQ(requests("/a", "_other"), "1");
    const auto other = [&](const std::string& series) { return value_of(text, series); };
    EXPECT_EQ(
        other(
            R"(downstream_requests_total{service="api-gateway",upstream="_other",status_code="200"})"),
        "1");
    EXPECT_EQ(other(R"(rate_limit_exceeded_total{service="api-gateway",policy="_other"})"), "1");
    EXPECT_EQ(
        other(
            R"(metric_series_over_budget_total{service="api-gateway",metric="http_requests_total"})"),
        "3");
    std::ignore = exposition_.text();
    EXPECT_EQ(told, (std::vector<std::string>{"downstream_requests_total", "http_requests_total",
                                              "rate_limit_exceeded_total"}));
}

TEST_F(Metrics, AMethodWithoutRoomIsCountedAsOther) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.budgets.methods.left = 1;
    block.route("/a").finished("GET", 200, Millis{1}, 0, 0);
    block.route("/a").finished("PUT", 200, Millis{1}, 0, 0);
    block.route("/a").finished("POST", 200, Millis{1}, 0, 0);
    EXPECT_EQ(
        value_of(
            exposition_.text(),
            R"(http_requests_total{service="api-gateway",method="_other",route="/a",status_code="200"})"),
        "2");
}

TEST_F(Metrics, ARouteThatNobodyAskedForHasNoSeries) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.route("/never");
    EXPECT_EQ(exposition_.text().find("/never"), std::string::npos);
}

TEST_F(Metrics, ARouteThatServesOnceTellsHowOftenItCouldNotFromTheStart) {
    std::array<MetricBlock, 2> blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        exposition_.add_block(blocks[i], i);
        blocks[i].route("/once").guards();
        blocks[i].route("/plain");
    }
    const std::string once = R"(idempotency_unguarded_total{service="api-gateway",route="/once"})";
    EXPECT_EQ(value_of(exposition_.text(), once), "0");
    EXPECT_EQ(exposition_.text().find("/plain"), std::string::npos);
    blocks[0].route("/once").unguarded.add();
    blocks[1].route("/once").unguarded.add();
    EXPECT_EQ(value_of(exposition_.text(), once), "2");
}

TEST_F(Metrics, CachesTellHowOftenTheyHelp) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    exposition_.read_key_set_failures_by([] { return std::uint64_t{4}; });
    exposition_.read_key_set_age_by([] { return Millis{1'500}; });
    block.looked_up(Cache::token, true);
    block.looked_up(Cache::token, false);
    block.looked_up(Cache::token, true);
    const std::string text = exposition_.text();
    EXPECT_EQ(value_of(text, R"(cache_hits_total{service="api-gateway",cache_type="token"})"), "2");
    EXPECT_EQ(value_of(text, R"(cache_misses_total{service="api-gateway",cache_type="token"})"),
              "1");
    EXPECT_EQ(value_of(text, R"(cache_errors_total{service="api-gateway",cache_type="key_set"})"),
              "4");
    EXPECT_EQ(value_of(text, R"(key_set_age_seconds{service="api-gateway"})"), "1.5");
}

TEST_F(Metrics, ABucketNamesTheYoungestTrace) {
    std::array<MetricBlock, 2> blocks;
    constexpr std::string_view kOld = "0af7651916cd43dd8448eb211c80319c";
    constexpr std::string_view kYoung = "1bf7651916cd43dd8448eb211c80319c";
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        exposition_.add_block(blocks[i], i);
    }
    const WallTime now(Millis(1'795'417'200'500));
    blocks[0].route("/a").finished("GET", 200, Millis{30}, 0, 0, {.id = kYoung, .now = now});
    blocks[1].route("/a").finished("GET", 200, Millis{40}, 0, 0,
                                   {.id = kOld, .now = now - Millis{1}});
    blocks[1].route("/a").finished("GET", 200, Millis{3}, 0, 0);
    const std::string text = exposition_.text(TextFormat::open_metrics);
    EXPECT_EQ(
        value_of(
            text,
            R"(http_request_duration_seconds_bucket{service="api-gateway",method="GET",route="/a",le="0.05"})"),
        R"(3 # {trace_id="1bf7651916cd43dd8448eb211c80319c"} 0.03 1795417200.5)");
    EXPECT_EQ(
        value_of(
            text,
            R"(http_request_duration_seconds_bucket{service="api-gateway",method="GET",route="/a",le="0.005"})"),
        "1");
    EXPECT_EQ(exposition_.text().find("trace_id"), std::string::npos);
}

TEST_F(Metrics, OpenMetricsSaysTheSameInItsOwnWords) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.route("/a").finished("GET", 200, Millis{3}, 0, 0);
    const std::string text = exposition_.text(TextFormat::open_metrics);
    EXPECT_NE(text.find("# TYPE http_requests counter\n"), std::string::npos);
    EXPECT_EQ(text.find("# TYPE http_requests_total"), std::string::npos);
    EXPECT_NE(text.find("\nhttp_requests_total{"), std::string::npos);
    EXPECT_NE(text.find(R"(le="1.0")"), std::string::npos);
    EXPECT_NE(text.find(R"(le="256.0")"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST_F(Metrics, AnExemplarIsReadWholeWhileItIsWritten) {
    Exemplar exemplar;
    EXPECT_FALSE(exemplar.get());
    std::jthread writer([&](const std::stop_token& stop) {
        for (std::uint64_t i = 0; !stop.stop_requested(); ++i) {
            Exemplar::Seen seen{.trace_id = {}, .value = i % 10, .time = WallTime(Millis(i % 10))};
            seen.trace_id.fill(static_cast<char>('0' + i % 10));
            exemplar.set(seen);
        }
    });
    for (int found = 0; found < 1'000;) {
        if (const auto seen = exemplar.get()) {
            ++found;
            const auto digit = static_cast<std::uint64_t>(seen->trace_id.front() - '0');
            ASSERT_EQ(seen->trace_id.back(), seen->trace_id.front());
            ASSERT_EQ(seen->value, digit);
            ASSERT_EQ(epoch_ms(seen->time), static_cast<std::int64_t>(digit));
        }
    }
}

// The names and labels are an interface: a change of tests/golden/metrics.txt is a change for
// whoever queries them.
TEST_F(Metrics, NamesAndLabelsAreTheRecordedOnes) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.route("/a/**").finished("GET", 200, Millis{3}, 0, 1);
    block.route("/a/**").guards();
    block.upstream("s").answered(200, Millis{1});
    for (const auto role :
         {UpstreamSeries::kMirror, UpstreamSeries::kPart, UpstreamSeries::kCanary}) {
        block.upstream("s").takes(role);
    }
    block.protocol("HTTP/1.1").in_progress.set(1);
    block.rate_limited("general", false).add();
    exposition_.read_breakers_by(
        [] { return std::vector<Exposition::BreakerFacts>{{.upstream = "s"}}; });
    exposition_.read_endpoints_by([] {
        return std::vector<Exposition::EndpointFacts>{
            {.upstream = "s", .endpoint = "10.0.0.1:80", .well = false}};
    });
    exposition_.read_knobs_by(
        [] { return std::vector<Exposition::KnobFacts>{{.knob = "log-level", .active = false}}; });
    exposition_.read_tenants_by([] {
        return std::vector<Exposition::TenantFacts>{
            {.upstream = "s", .tenant = "t", .requests = 1}};
    });
    block.dangerous_header("x-user-id").add();
    exposition_.certificates({{"a.test", WallTime{}}});
    exposition_.staples({{"a.test", WallTime{}}});
    exposition_.state_peer("redis.eu-2:6379", true);
    std::set<std::string> series;
    std::istringstream lines(exposition_.text());
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) {
            continue;
        }
        std::string name = line.substr(0, line.find_first_of("{ "));
        for (std::size_t at = 0; (at = line.find("=\"", at)) != std::string::npos; ++at) {
            const std::size_t from = line.find_last_of("{,", at) + 1;
            name += " " + line.substr(from, at - from);
        }
        series.insert(name);
    }
    std::set<std::string> recorded;
    std::ifstream golden(GW_SOURCE_DIR "/tests/golden/metrics.txt");
    for (std::string line; std::getline(golden, line);) {
        recorded.insert(line);
    }
    std::string now;
    for (const std::string& name : series) {
        now += name + "\n";
    }
    EXPECT_EQ(series, recorded) << "now:\n" << now;
}

}  // namespace
}  // namespace gw::observe
