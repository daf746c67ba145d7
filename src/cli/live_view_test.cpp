#include "cli/live_view.hpp"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace gw::cli {
namespace {

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

boost::json::object tick() {
    return boost::json::parse(R"({"seconds":1,"all":[100,5,1,0,3,1000,20000,300000],
        "minute":[6000,60,0,2,1000,2000,3000],
        "status":{"instance":"gw-1","connections":7,"maintenance":"off","knobs":
            [{"knob":"limit:general","value":"5 requests","secondsLeft":9},
             {"knob":"log-level","value":"DEBUG","secondsLeft":null},
             {"knob":"limit:search","value":"off","secondsLeft":null,"warning":"it has no end"}]},
        "serviceFacts":{"quiet":{"breaker":{"state":"CLOSED"},"endpoints":[{"endpoint":"a","well":true}],
            "minute":[500,0,0,0,1,2,3],"waiting":0},
            "broken":{"breaker":{"state":"OPEN"},"endpoints":[{"endpoint":"a","well":false}],
            "minute":[10,10,0,0,1,2,3],"waiting":4}},
        "suffering":[{"tenant":"t1","user":"u\u001b[31m1","address":"203.0.113.7","limited":4,"failed":0}]})")
        .as_object();
}

TEST(EventFeed, KnowsATickThatCannotBeRead) {
    EventFeed feed;
    feed.take(std::string(kHead) + "event: hello\ndata: \n\n: still here\n\n");
    EXPECT_FALSE(feed.next());
    EXPECT_FALSE(feed.unreadable());
    feed.take("event: tick\ndata: {\"banner\":\"Zur\xFC");
    EXPECT_FALSE(feed.next());
    EXPECT_FALSE(feed.unreadable());
    feed.take("ck\"}\n\n");
    EXPECT_FALSE(feed.next());
    EXPECT_TRUE(feed.unreadable());
}

TEST(EventFeed, TakesEventsFromAnyParts) {
    const std::string text = std::string(kHead) +
                             "retry: 2000\nevent: hello\ndata: {\"tick\":1}\n\n: still here\n\n"
                             "event: tick\ndata: {\"tick\":2}\n\nevent: tick\ndata: {";
    for (std::size_t part = 1; part < 40; ++part) {
        EventFeed feed;
        std::vector<std::string> names;
        for (std::size_t at = 0; at < text.size(); at += part) {
            feed.take(std::string_view(text).substr(at, part));
            while (const auto event = feed.next()) {
                names.push_back(event->name);
            }
        }
        EXPECT_EQ((std::vector<std::string>{"hello", "tick"}), names) << part;
    }
}

TEST(EventFeed, PassesOverNonsenseAndKeepsARefusal) {
    EventFeed feed;
    feed.take(std::string(kHead) + "event: tick\ndata: [1]\n\ndata: {}\n\nevent: x\ndata: {]\n\n");
    EXPECT_FALSE(feed.next());
    EventFeed refused;
    refused.take("HTTP/1.1 401 Unauthorized\r\n\r\n{}");
    EXPECT_EQ(401, refused.status());
    EXPECT_FALSE(refused.next());
    EventFeed none;
    none.take("\r\n\r\n");
    EXPECT_EQ(599, none.status());
}

TEST(LiveView, ShowsWhatIsBrokenFirstAndFits) {
    const std::string text = screen_of(tick(), {}, {100, 30}, false);
    EXPECT_NE(text.find("100/s  errors 5.0%"), std::string::npos) << text;
    EXPECT_LT(text.find("broken"), text.find("quiet"));
    EXPECT_NE(text.find("changed limit:general: 5 requests, 9 s left"), std::string::npos);
    EXPECT_NE(text.find("changed log-level: DEBUG, until the next reload"), std::string::npos);
    EXPECT_NE(text.find("changed limit:search: off, no end"), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << "nothing of strangers reaches the terminal";
    const std::string narrow = screen_of(tick(), {}, {20, 3}, true);
    EXPECT_EQ(3, std::ranges::count(narrow, '\n'));
}

TEST(LiveView, ShowsWhateverIsMissingAsNothing) {
    EXPECT_FALSE(screen_of({}, {}, {80, 24}, false).empty());
    const auto odd = boost::json::parse(R"({"all":"x","minute":[null],"status":[],
        "serviceFacts":{"a":1},"suffering":[1,null]})");
    EXPECT_FALSE(
        screen_of(odd.as_object(), boost::json::array{1, nullptr}, {80, 24}, true).empty());
}

}  // namespace
}  // namespace gw::cli
