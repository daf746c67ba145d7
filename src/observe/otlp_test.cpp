#include "observe/otlp.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "observe/metrics.hpp"

namespace gw::observe {
namespace {

struct Span {
    std::string name;
    std::map<std::string, std::string> attributes;
};

std::vector<Span> spans_of(TraceRecord trace) {
    std::vector<std::unique_ptr<TraceRecord>> traces;
    traces.push_back(std::make_unique<TraceRecord>(std::move(trace)));
    const boost::json::value root = boost::json::parse(otlp_request(traces, {}));
    std::vector<Span> spans;
    for (const boost::json::value& said :
         root.at_pointer("/resourceSpans/0/scopeSpans/0/spans").as_array()) {
        Span span{.name = std::string(said.at("name").as_string()), .attributes = {}};
        for (const boost::json::value& attribute : said.at("attributes").as_array()) {
            span.attributes.emplace(attribute.at("key").as_string(),
                                    attribute.at("value").as_object().begin()->value().as_string());
        }
        spans.push_back(std::move(span));
    }
    return spans;
}

TraceRecord asked(std::string method, std::string route) {
    TraceRecord trace;
    trace.trace.trace_id.fill('1');
    trace.trace.span_id.fill('2');
    trace.method = std::move(method);
    trace.route = std::move(route);
    trace.status = 200;
    return trace;
}

// OpenTelemetry, Semantic Conventions for HTTP Spans.
TEST(Otlp, ARequestIsNamedByMethodAndRoute) {
    const std::vector<Span> spans = spans_of(asked("GET", "/a/{id}"));
    ASSERT_EQ(spans.size(), 1U);
    EXPECT_EQ(spans[0].name, "GET /a/{id}");
    EXPECT_EQ(spans[0].attributes.at("http.route"), "/a/{id}");
}

TEST(Otlp, WhatNoRouteTakesHasNoRoute) {
    const Span span = spans_of(asked("GET", std::string(kNoRoute))).at(0);
    EXPECT_EQ(span.name, "GET");
    EXPECT_FALSE(span.attributes.contains("http.route"));
}

TEST(Otlp, AMethodThatIsNotKnownIsOther) {
    const Span span = spans_of(asked("OTHER", "/a")).at(0);
    EXPECT_EQ(span.name, "HTTP /a");
    EXPECT_EQ(span.attributes.at("http.request.method"), "_OTHER");
}

TEST(Otlp, ATryNamesAddressAndPortApart) {
    for (const auto& [endpoint, address] :
         {std::pair("10.0.0.1:4003", "10.0.0.1"), std::pair("[2001:db8::1]:4003", "2001:db8::1")}) {
        TraceRecord trace = asked("GET", "/a");
        trace.parts.push_back({.kind = TraceRecord::Part::Kind::attempt,
                               .id = trace.trace.span_id,
                               .name = "s",
                               .endpoint = endpoint});
        const Span part = spans_of(std::move(trace)).at(1);
        EXPECT_EQ(part.name, "GET s");
        for (const std::string kind : {"server", "network.peer"}) {
            EXPECT_EQ(part.attributes.at(kind + ".address"), address);
            EXPECT_EQ(part.attributes.at(kind + ".port"), "4003");
        }
    }
}

TEST(Otlp, ATryThatReachedNobodyNamesNoAddress) {
    TraceRecord trace = asked("GET", "/a");
    trace.parts.push_back(
        {.kind = TraceRecord::Part::Kind::attempt, .id = trace.trace.span_id, .name = "s"});
    EXPECT_FALSE(spans_of(std::move(trace)).at(1).attributes.contains("server.address"));
}

}  // namespace
}  // namespace gw::observe
