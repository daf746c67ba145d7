#include "gateway/purge_log.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

constexpr Millis kHour{3'600'000};
const Instant kNow{std::chrono::hours{5}};

StoredAnswer answer() {
    StoredAnswer out;
    out.path = "/api/v1/events/7/seats";
    out.tenant = "t1";
    out.tags = "Event-7, hot";
    return out;
}

Purge purge(std::string_view text) {
    return parse_purge(text).value();
}

TEST(PurgeLog, CoversWhatWasAskedForBeforeAPurgeThatNamesIt) {
    for (const std::string_view text :
         {"all", "tenant:t1", "tag:event-7", "tag:HOT", "path:/api/v1/events/7/seats",
          "path:/api/v1/events/7/seats/**", "path:/api/v1/events/**", "path:/**"}) {
        PurgeLog log(kHour);
        EXPECT_TRUE(log.note(purge(text), 1'000, kNow));
        EXPECT_TRUE(log.covers(answer(), 1'000, kNow)) << text;
        EXPECT_TRUE(log.covers(answer(), 1, kNow)) << text;
        EXPECT_FALSE(log.covers(answer(), 1'001, kNow)) << text;
    }
}

TEST(PurgeLog, CoversNothingElse) {
    PurgeLog log(kHour);
    for (const std::string_view text :
         {"tenant:t2", "tag:event", "path:/api/v1/events/7", "path:/api/v1/event/**",
          "path:/api/v1/events/7/seats/1/**", "path:/api/v1/events/7/sea/**"}) {
        EXPECT_TRUE(log.note(purge(text), 1'000, kNow));
    }
    EXPECT_FALSE(log.covers(answer(), 1, kNow));
}

TEST(PurgeLog, OneWhoseTimeIsNotKnownCoversEverythingUntilItIs) {
    PurgeLog log(kHour);
    EXPECT_TRUE(log.note(purge("tag:hot"), PurgeLog::kNotKnown, kNow));
    EXPECT_TRUE(log.covers(answer(), 9'000'000, kNow));
    EXPECT_FALSE(log.note(purge("tag:hot"), 1'000, kNow)) << "the same one";
    EXPECT_FALSE(log.covers(answer(), 1'001, kNow));
    EXPECT_FALSE(log.note(purge("tag:hot"), 1'000, kNow)) << "told again";
    EXPECT_TRUE(log.note(purge("tag:hot"), 2'000, kNow)) << "another one";
    EXPECT_TRUE(log.covers(answer(), 1'500, kNow));
}

TEST(PurgeLog, ForgetsWhatTheStoreCannotHoldAnyMore) {
    PurgeLog log(kHour);
    log.note(purge("tag:hot"), 1'000, kNow);
    log.note(purge("tag:hot"), 5'000, kNow + kHour / 2);
    log.note(purge("tag:other"), 1'000, kNow + kHour);
    EXPECT_TRUE(log.covers(answer(), 4'000, kNow)) << "the later one is still of use";
    log.note(purge("tag:other"), 9'000, kNow + 2 * kHour);
    EXPECT_FALSE(log.covers(answer(), 4'000, kNow));
}

TEST(PurgeLog, WhatThereIsNoRoomForCountsForEverything) {
    PurgeLog log(kHour);
    for (std::size_t i = 0; i <= PurgeLog::kMost; ++i) {
        log.note({Purge::Of::tag, "x" + std::to_string(i)}, 1'000 + static_cast<std::int64_t>(i),
                 kNow);
    }
    EXPECT_TRUE(log.covers(answer(), 1'000, kNow));
    EXPECT_FALSE(log.covers(answer(), 1'001, kNow));
}

TEST(PurgeLog, OneOfAnUnknownTimeThatThereIsNoRoomForCountsForEverythingForAWhile) {
    PurgeLog log(kHour);
    EXPECT_TRUE(log.note(purge("tag:other"), PurgeLog::kNotKnown, kNow));
    for (std::size_t i = 0; i < PurgeLog::kMost; ++i) {
        log.note({Purge::Of::tag, "x" + std::to_string(i)}, 1'000, kNow + Millis{1});
    }
    EXPECT_TRUE(log.covers(answer(), 9'000'000, kNow + Millis{1}));
    EXPECT_FALSE(log.covers(answer(), 9'000'000, kNow + kHour)) << "the store holds none of it";
}

TEST(PurgeLog, OneWhoseTimeCameToBeKnownIsLeftOutInSilence) {
    PurgeLog log(kHour);
    for (const std::int64_t at : {PurgeLog::kNotKnown, std::int64_t{2'000}}) {
        log.note(purge("tag:other"), at, kNow);
    }
    for (std::size_t i = 0; i < PurgeLog::kMost - 1; ++i) {
        log.note({Purge::Of::tag, "x" + std::to_string(i)}, 1'000, kNow);
    }
    EXPECT_FALSE(log.covers(answer(), 9'000'000, kNow));
}

}  // namespace
}  // namespace gw::gateway
