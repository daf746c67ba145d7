#include "observe/metric_text.hpp"

#include <gtest/gtest.h>

namespace gw::observe {
namespace {

TEST(MetricText, OpenMetricsOnlyForWhoAsksForIt) {
    constexpr auto open = TextFormat::open_metrics;
    constexpr auto plain = TextFormat::prometheus;
    EXPECT_EQ(format_for(""), plain);
    EXPECT_EQ(format_for("*/*"), plain);
    EXPECT_EQ(format_for("text/plain"), plain);
    EXPECT_EQ(format_for("application/openmetrics-text"), open);
    EXPECT_EQ(format_for("Application/OpenMetrics-Text; Version=1.0.0"), open);
    EXPECT_EQ(format_for("application/openmetrics-text;version=0.0.1"), plain);
    // What Prometheus 2.42 sends.
    EXPECT_EQ(format_for("application/openmetrics-text;version=1.0.0,application/"
                         "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
                         "*/*;q=0.1"),
              open);
}

TEST(MetricText, TheMoreWelcomeFormatIsSent) {
    constexpr auto open = TextFormat::open_metrics;
    constexpr auto plain = TextFormat::prometheus;
    EXPECT_EQ(format_for("application/openmetrics-text;q=0.4, text/plain;q=0.5"), plain);
    EXPECT_EQ(format_for("application/openmetrics-text; q=0.5, text/plain; q=0.5"), open);
    EXPECT_EQ(format_for("application/openmetrics-text;q=0"), plain);
    EXPECT_EQ(format_for("application/openmetrics-text;q=1.000"), open);
    EXPECT_EQ(format_for("application/openmetrics-text;q=1.5"), plain);
    EXPECT_EQ(format_for("application/openmetrics-text;q=nonsense, text/plain"), plain);
}

TEST(MetricText, WhatIsWholeLooksWhole) {
    std::string out;
    MetricText::sample(out, "m", "a=\"b\"", 100'000.0);
    MetricText::sample(out, "m", "a=\"b\"", 0.0025);
    EXPECT_EQ(out, "m{a=\"b\"} 100000\nm{a=\"b\"} 0.0025\n");
}

TEST(MetricText, AValueOfALabelIsEscaped) {
    std::string labels;
    append_label(labels, "a", "x\\y\"z\n");
    append_label(labels, "b", "");
    EXPECT_EQ(labels, "a=\"x\\\\y\\\"z\\n\",b=\"\"");
}

// A scraper would throw away all that there is.
TEST(MetricText, AValueOfALabelIsUtf8) {
    std::string labels;
    append_label(labels, "region", "M\xFCnchen");
    append_label(labels, "zone", "M\xC3\xBCnchen");
    EXPECT_EQ(labels, "region=\"M\xEF\xBF\xBDnchen\",zone=\"M\xC3\xBCnchen\"");
}

}  // namespace
}  // namespace gw::observe
