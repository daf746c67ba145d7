#include "control/console_record.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace gw::control {
namespace {

gateway::SecurityEvent event_of(std::string resource) {
    gateway::SecurityEvent event;
    event.kind = "injection";
    event.decision = "blocked";
    event.status = 400;
    event.resource = std::move(resource);
    return event;
}

TEST(ConsoleRecord, TellsEventsFromANumberOn) {
    ConsoleRecord record;
    for (int i = 0; i < 3; ++i) {
        record.note(event_of("GET /" + std::to_string(i)));
    }
    EXPECT_EQ(record.next(), 3U);
    const boost::json::array events = record.events_since(1);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].as_object().at("resource"), "GET /1");
    EXPECT_EQ(events[1].as_object().at("n"), 2);
    EXPECT_TRUE(record.events_since(3).empty());
}

TEST(ConsoleRecord, RemembersTheLastOnesOnly) {
    ConsoleRecord record;
    for (std::size_t i = 0; i < ConsoleRecord::kEventsMax + 10; ++i) {
        record.note(event_of("GET /"));
        record.note(ReloadOutcome{});
    }
    const boost::json::array events = record.events_since(0);
    EXPECT_EQ(events.size(), ConsoleRecord::kEventsMax);
    EXPECT_EQ(events[0].as_object().at("n"), 10);
    EXPECT_EQ(record.reloads().size(), ConsoleRecord::kReloadsMax);
}

TEST(ConsoleRecord, WhatClientsWroteIsCutAndMadeValid) {
    ConsoleRecord record;
    record.note(event_of("GET /\"<b>\xff" + std::string(10'000, 'x')));
    const boost::json::array events = record.events_since(0);
    const std::string text(events[0].as_object().at("resource").as_string());
    EXPECT_TRUE(text.starts_with("GET /\"<b>\xef\xbf\xbd"));
    EXPECT_LT(text.size(), 2 * ConsoleRecord::kTextMax);
}

}  // namespace
}  // namespace gw::control
