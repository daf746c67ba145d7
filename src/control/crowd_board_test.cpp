#include "control/crowd_board.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

using upstream::TenantLoad;

const Instant kStart = Instant{} + std::chrono::hours{1};

TEST(CrowdBoard, AddsUpWhatWorkersSayAndNamesTheNoisiest) {
    CrowdBoard board;
    board.set("event", 0, {{"a", 5, 2}, {"b", 1, 0}}, kStart);
    board.set("event", 1, {{"b", 9, 1}, {"c", 1, 0}, {"d", 1, 1}}, kStart);
    const auto facts = board.facts();
    ASSERT_EQ(facts.size(), CrowdBoard::kTenantsMost);
    EXPECT_EQ(facts[0].tenant, "b");
    EXPECT_EQ(facts[0].in_flight, 10U);
    EXPECT_EQ(facts[0].waiting, 1U);
    EXPECT_EQ(facts[1].tenant, "a");
    EXPECT_EQ(facts[2].tenant, "d");
}

TEST(CrowdBoard, ForgetsWhereNobodyWaitsAnyMore) {
    CrowdBoard board;
    board.set("event", 0, {{"a", 5, 2}}, kStart);
    board.set("event", 0, {}, kStart);
    EXPECT_TRUE(board.facts().empty());
}

TEST(CrowdBoard, TellsOfAServiceOnceInAWhile) {
    CrowdBoard board;
    EXPECT_EQ(board.set("event", 0, {{"a", 5, 2}}, kStart).tenant, "a");
    EXPECT_EQ(board.set("event", 0, {{"a", 5, 2}}, kStart + Millis{9'000}).service, "");
    EXPECT_EQ(board.set("venue", 0, {{"b", 5, 2}}, kStart + Millis{9'000}).service, "venue");
    EXPECT_EQ(board.set("event", 0, {{"a", 5, 2}}, kStart + Millis{10'000}).service, "event");
}

}  // namespace
}  // namespace gw::control
