#include "control/key_room.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

const Instant kNow{Millis{1'000}};
const Instant kLater = kNow + Millis{100};

// How many new keys of ten bytes the tenant is given.
int fill(KeyRoom& room, const std::string& tenant, Instant until = kLater) {
    int taken = 0;
    for (; room.has_room(tenant, 10, kNow); ++taken) {
        room.take(tenant + std::to_string(taken), tenant, {.key = 10}, until);
    }
    return taken;
}

TEST(KeyRoom, OneTenantNeverTakesAllOfIt) {
    KeyRoom room(1'000);
    EXPECT_EQ(fill(room, "a"), 75);
    EXPECT_GT(fill(room, "b"), 10);
    EXPECT_GT(fill(room, "c"), 2);
    EXPECT_FALSE(room.has_room("a", 10, kNow));
}

TEST(KeyRoom, WhatHasEndedOrWasGivenBackMakesRoom) {
    KeyRoom room(1'000);
    EXPECT_EQ(fill(room, "a"), 75);
    EXPECT_FALSE(room.has_room("a", 10, kNow + Millis{99}));
    room.give_back("a0");
    EXPECT_TRUE(room.has_room("a", 10, kNow));
    room.hold("a1", kLater + Millis{50});
    EXPECT_TRUE(room.has_room("a", 740, kLater));  // but for the one that is held
    EXPECT_FALSE(room.has_room("a", 741, kLater));
    EXPECT_TRUE(room.has_room("a", 750, kLater + Millis{50}));
    room.give_back("unknown");
    room.hold("unknown", kLater);
}

TEST(KeyRoom, AnAnswerTakesTheRoomThatItsKeyHad) {
    KeyRoom room(100);
    room.take("k", "a", {.key = 60}, kLater);
    room.take("k", "a", {.key = 60, .answer = 40}, kLater);
    EXPECT_EQ(room.next_to_drop(), std::nullopt);
    room.take("k", "a", {.key = 60, .answer = 41}, kLater);
    EXPECT_EQ(room.next_to_drop(), "k");
    EXPECT_EQ(room.next_to_drop(), std::nullopt);
}

TEST(KeyRoom, OfTheTenantWithMostTheLargestAnswersGo) {
    KeyRoom room(1'000);
    room.take("small", "a", {.key = 10, .answer = 100}, kLater);
    room.take("large", "a", {.key = 10, .answer = 400}, kLater);
    room.take("other", "b", {.key = 10, .answer = 450}, kLater);
    EXPECT_EQ(room.next_to_drop(), std::nullopt);
    room.take("more", "b", {.key = 10, .answer = 200}, kLater);
    EXPECT_EQ(room.next_to_drop(), "other");
    EXPECT_EQ(room.next_to_drop(), std::nullopt);
}

TEST(KeyRoom, AnswersMakeRoomForKeys) {
    KeyRoom room(1'000);
    room.take("k", "a", {.key = 10, .answer = 900}, kLater);
    ASSERT_TRUE(room.has_room("b", 100, kNow));
    room.take("new", "b", {.key = 100}, kLater);
    EXPECT_EQ(room.next_to_drop(), "k");
    EXPECT_EQ(room.next_to_drop(), std::nullopt);
}

}  // namespace
}  // namespace gw::control
