#include "observe/metrics.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

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

TEST_F(Metrics, SumsTheWorkersAndNamesTheServiceOnEverySeries) {
    std::array<MetricBlock, 2> blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        exposition_.add_block(blocks[i], i);
        blocks[i].route("/a/**").finished("GET", 200, Millis{3}, 0, 1'024);
    }
    blocks[0].route("/a/**").finished("GET", 503, Millis{3}, 0, 10);
    const std::string text = exposition_.text();
    EXPECT_EQ(value_of(text, R"(http_requests_total{service="api-gateway",method="GET",route="/a/**",status_code="200"})"),
              "2");
    EXPECT_EQ(value_of(text, R"(http_requests_total{service="api-gateway",method="GET",route="/a/**",status_code="503"})"),
              "1");
    EXPECT_EQ(value_of(text, R"(http_request_duration_seconds_bucket{service="api-gateway",method="GET",route="/a/**",le="0.0025"})"),
              "0");
    EXPECT_EQ(value_of(text, R"(http_request_duration_seconds_bucket{service="api-gateway",method="GET",route="/a/**",le="0.005"})"),
              "3");
    EXPECT_EQ(value_of(text, R"(http_request_duration_seconds_count{service="api-gateway",method="GET",route="/a/**"})"), "3");
}

TEST_F(Metrics, CountersThatAlertsUseExistFromTheStart) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    const std::string text = exposition_.text();
    for (const std::string_view type : kViolations) {
        EXPECT_EQ(value_of(text, R"(security_violations_total{service="api-gateway",violation_type=")" +
                                     std::string(type) + R"("})"),
                  "0");
    }
}

TEST_F(Metrics, AScrapeWhileWorkersCountSeesOnlyWholeNumbers) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    std::jthread worker([&](const std::stop_token& stop) {
        for (int i = 0; !stop.stop_requested(); ++i) {
            block.route("/r" + std::to_string(i % 50)).finished("GET", 200 + i % 7, Millis{i % 20}, 0, 0);
            block.upstream("s").answered(200, Millis{1});
        }
    });
    for (int i = 0; i < 50; ++i) {
        const std::string text = exposition_.text();
        EXPECT_NE(text.find("event_loop_lag_seconds"), std::string::npos);
    }
}

// The names and labels are an interface: a change of tests/golden/metrics.txt is a change for whoever queries them.
TEST_F(Metrics, NamesAndLabelsAreTheRecordedOnes) {
    MetricBlock block;
    exposition_.add_block(block, 0);
    block.route("/a/**").finished("GET", 200, Millis{3}, 0, 1);
    block.upstream("s").answered(200, Millis{1});
    block.protocol("HTTP/1.1").in_progress.set(1);
    block.dangerous_header("x-user-id").add();
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
