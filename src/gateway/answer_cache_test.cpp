#include "gateway/answer_cache.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

const Instant kNow{std::chrono::seconds{1'000}};
constexpr std::uint64_t kRules = 1;  // those that are in force

class Answers : public ::testing::Test {
  protected:
    static StoredPtr answer(std::string body, std::string vary = {}, std::string vary_value = {}) {
        auto stored = std::make_shared<StoredAnswer>();
        stored->path = "/api/v1/events/7";
        stored->tenant = "t1";
        stored->tags = "event-7, hot";
        stored->add("Content-Type", "text/plain", http::Known::content_type);
        if (!vary.empty()) {
            stored->vary.push_back({std::move(vary), std::move(vary_value)});
        }
        stored->body = std::make_shared<const std::string>(std::move(body));
        return stored;
    }
    void keep(CacheKey key, const StoredPtr& stored) {
        const auto lead = cache_.lead(key, kRules, kNow, nullptr);
        ASSERT_NE(lead.fill, 0U);
        cache_.store(key, lead.fill, stored, nullptr);
    }
    std::string found(CacheKey key, const http::Headers& request = {}) {
        const StoredPtr stored = cache_.find(key, request);
        return stored == nullptr ? "" : *stored->body;
    }

    AnswerCache cache_{8'000'000};
};

TEST_F(Answers, AreFoundByUriAndByCaller) {
    keep({"u", "t1"}, answer("one"));
    EXPECT_EQ(found({"u", "t1"}), "one");
    EXPECT_EQ(found({"u", "t2"}), "");
    EXPECT_EQ(found({"v", "t1"}), "");
}

TEST_F(Answers, OfWhatVariesTheOneThatFitsIsFound) {
    http::Headers german;
    ASSERT_TRUE(german.add("accept-language", " de ,en"));
    keep({"u", ""}, answer("de", "Accept-Language", "de,en"));
    keep({"u", ""}, answer("none", "Accept-Language", ""));
    EXPECT_EQ(found({"u", ""}, german), "de");
    EXPECT_EQ(found({"u", ""}), "none");
}

TEST_F(Answers, OneFillsAndTheOthersWait) {
    const CacheKey key{"u", ""};
    const auto first = cache_.lead(key, kRules, kNow, nullptr);
    EXPECT_NE(first.fill, 0U);
    EXPECT_EQ(cache_.lead(key, kRules, kNow, nullptr).fill, 0U);
    cache_.end(key, first.fill, false, kNow);
    EXPECT_NE(cache_.lead(key, kRules, kNow, nullptr).fill, 0U);
}

TEST_F(Answers, WhatCanNotBeKeptIsNotWaitedForForAWhile) {
    const CacheKey key{"u", ""};
    cache_.end(key, cache_.lead(key, kRules, kNow, nullptr).fill, true, kNow);
    EXPECT_NE(cache_.lead(key, kRules, kNow, nullptr).fill, 0U);
    EXPECT_TRUE(cache_.lead(key, kRules, kNow, nullptr).passes);
    EXPECT_FALSE(cache_.lead(key, kRules, kNow + std::chrono::minutes{1}, nullptr).passes);
}

TEST_F(Answers, WhoBeganByOlderRulesFillsNothingWhateverHeBeginsLater) {
    const CacheKey key{"u", ""};
    const auto before = cache_.lead(key, kRules, kNow, nullptr);
    cache_.adopt_rules(kRules + 1);
    EXPECT_FALSE(cache_.store(key, before.fill, answer("old"), nullptr));
    const auto behind = cache_.lead(key, kRules, kNow, nullptr);
    EXPECT_EQ(behind.fill, 0U);
    EXPECT_TRUE(behind.passes);
    const auto after = cache_.lead(key, kRules + 1, kNow, nullptr);
    EXPECT_TRUE(cache_.store(key, after.fill, answer("new"), nullptr));
    EXPECT_EQ(found(key), "new");
}

TEST_F(Answers, WhatWasFetchedBeforeAWriteIsNotKeptAfterIt) {
    const CacheKey key{"u", ""};
    const auto lead = cache_.lead(key, kRules, kNow, nullptr);
    cache_.forget("u");
    cache_.store(key, lead.fill, answer("old"), nullptr);
    EXPECT_EQ(found(key), "");
    const auto again = cache_.lead(key, kRules, kNow, nullptr);
    cache_.purge({.of = Purge::Of::tag, .what = "other"});
    cache_.store(key, again.fill, answer("old"), nullptr);
    EXPECT_EQ(found(key), "");
}

TEST_F(Answers, AWriteForgetsThemForEverybody) {
    keep({"u", "t1"}, answer("one"));
    keep({"u", "t2"}, answer("two"));
    cache_.forget("u");
    EXPECT_EQ(found({"u", "t1"}) + found({"u", "t2"}), "");
    EXPECT_EQ(cache_.bytes(), 0U);
}

TEST_F(Answers, ArePurgedByWhatTheyAre) {
    for (const char* hit : {"all", "path:/api/v1/events/7", "path:/api/v1/**", "tag:hot",
                            "tenant:t1", "path:/**", "path:/api/./v1//events/%37"}) {
        keep({"u", ""}, answer("one"));
        EXPECT_EQ(cache_.purge(*parse_purge(hit)), 1U) << hit;
        EXPECT_EQ(found({"u", ""}), "");
    }
    keep({"u", ""}, answer("one"));
    for (const char* miss :
         {"path:/api/v1/events", "path:/api/v1/event/**", "tag:event", "tenant:t2"}) {
        EXPECT_EQ(cache_.purge(*parse_purge(miss)), 0U) << miss;
    }
    EXPECT_EQ(found({"u", ""}), "one");
    for (const char* odd : {"", "path:", "path:x", "tag", ":", "user:1", "path:/a?b=1", "path:/a/*",
                            "path:/a**", "path:/*/a/**", "path:/../a", "path:/a%", "tag:a,x",
                            "tag:,", "tag: a", "tag:a\t", "tenant: t1", "tenant:t 1"}) {
        EXPECT_FALSE(parse_purge(odd).has_value()) << odd;
    }
    EXPECT_EQ(parse_purge("path:/caf\xC3\xA9 1/**")->what, "/caf%C3%A9%201/**");
}

TEST_F(Answers, WhatWasUsedLongestAgoGoesFirst) {
    cache_.set_most(8UL * 10'000);  // of one part: two of these
    const std::string big(3'000, 'x');
    for (const char* who : {"1", "2", "3"}) {
        keep({"u", who}, answer(big));
    }
    const StoredPtr held = cache_.find({"u", "2"}, {});
    EXPECT_EQ(found({"u", "1"}), "");
    EXPECT_NE(held, nullptr);
    keep({"u", "4"}, answer(big));
    EXPECT_EQ(found({"u", "3"}), "");
    EXPECT_EQ(found({"u", "2"}), big);
    EXPECT_LE(cache_.bytes(), 10'000U);
    keep({"u", "5"}, answer(std::string(20'000, 'x')));
    EXPECT_EQ(found({"u", "5"}), "");
    EXPECT_EQ(*held->body, big);
}

TEST_F(Answers, WhoFillsForTooLongHoldsNobodyUp) {
    const CacheKey key{"u", ""};
    const auto first = cache_.lead(key, kRules, kNow, nullptr);
    const auto waits = cache_.lead(key, kRules, kNow, nullptr);
    EXPECT_EQ(waits.fill, 0U);
    EXPECT_EQ(waits.overdue, kNow + AnswerCache::kOverdue);
    const auto second = cache_.lead(key, kRules, waits.overdue, nullptr);
    EXPECT_NE(second.fill, 0U);
    EXPECT_NE(second.fill, first.fill);
    EXPECT_EQ(cache_.lead(key, kRules, waits.overdue, nullptr).fill, 0U) << "one of them";
}

TEST_F(Answers, WhoWasOvertakenMayStillFillWhatNobodyElseHas) {
    const CacheKey key{"u", ""};
    const auto first = cache_.lead(key, kRules, kNow, nullptr);
    const auto second = cache_.lead(key, kRules, kNow + AnswerCache::kOverdue, nullptr);
    EXPECT_TRUE(cache_.store(key, first.fill, answer("slow"), nullptr));
    EXPECT_EQ(found(key), "slow");
    EXPECT_TRUE(cache_.store(key, second.fill, answer("newer"), nullptr));
    EXPECT_EQ(found(key), "newer");
}

TEST_F(Answers, WhoWasOvertakenReplacesNothingThatCameLater) {
    const CacheKey key{"u", ""};
    const auto first = cache_.lead(key, kRules, kNow, nullptr);
    const auto second = cache_.lead(key, kRules, kNow + AnswerCache::kOverdue, nullptr);
    auto newer = std::make_shared<StoredAnswer>(*answer("newer"));
    newer->came = kNow + std::chrono::seconds{2};
    EXPECT_TRUE(cache_.store(key, second.fill, newer, nullptr));
    EXPECT_FALSE(cache_.store(key, first.fill, answer("slow"), nullptr));
    EXPECT_EQ(found(key), "newer");
    // What has been there for longer it does replace, also where nobody fills the place now.
    auto last = std::make_shared<StoredAnswer>(*answer("last"));
    last->came = kNow + std::chrono::seconds{3};
    const auto third = cache_.lead(key, kRules, kNow, nullptr);
    const auto fourth = cache_.lead(key, kRules, kNow + AnswerCache::kOverdue, nullptr);
    cache_.end(key, fourth.fill, false, kNow);
    EXPECT_TRUE(cache_.store(key, third.fill, last, nullptr));
    EXPECT_EQ(found(key), "last");
}

TEST_F(Answers, WhoWasOvertakenFillsNothingThatWasOutdatedMeanwhile) {
    const CacheKey key{"u", ""};
    const auto first = cache_.lead(key, kRules, kNow, nullptr);
    cache_.forget("u");
    const auto second = cache_.lead(key, kRules, kNow + AnswerCache::kOverdue, nullptr);
    EXPECT_FALSE(cache_.store(key, first.fill, answer("old"), nullptr));
    cache_.end(key, second.fill, false, kNow);
    // Nobody fills the place and it holds nothing: there is nothing left that could have been told.
    cache_.forget("u");
    const auto third = cache_.lead(key, kRules, kNow, nullptr);
    EXPECT_FALSE(cache_.store(key, first.fill, answer("old"), nullptr));
    EXPECT_TRUE(cache_.store(key, third.fill, answer("new"), nullptr));
    EXPECT_EQ(found(key), "new");
}

TEST_F(Answers, WhoWaitsNoLongerIsForgotten) {
    const CacheKey key{"u", ""};
    net::Loop loop;
    const auto wait = std::make_shared<FillWait>(loop, nullptr);
    const auto first = cache_.lead(key, kRules, kNow, nullptr);
    EXPECT_EQ(cache_.lead(key, kRules, kNow, wait).fill, 0U);
    EXPECT_EQ(wait.use_count(), 2);
    cache_.leave(key, wait);
    EXPECT_EQ(wait.use_count(), 1);
    cache_.end(key, first.fill, false, kNow);
    cache_.leave(key, wait);
}

TEST_F(Answers, BodiesOnTheirWayTakeTheRoomOfTwoAnswers) {
    const std::uint64_t most = cache_.answer_max();
    EXPECT_TRUE(cache_.take_room(most));
    EXPECT_TRUE(cache_.take_room(most));
    EXPECT_FALSE(cache_.take_room(1));
    cache_.give_room(most);
    EXPECT_TRUE(cache_.take_room(most));
}

TEST_F(Answers, OneIsTakenOutAndTheOthersStay) {
    keep({"u", ""}, answer("de", "Accept-Language", "de"));
    keep({"u", ""}, answer("none", "Accept-Language", ""));
    keep({"u", "t1"}, answer("one"));
    const StoredPtr stored = cache_.find({"u", ""}, {});
    cache_.take_out({"u", ""}, stored);
    cache_.take_out({"u", ""}, stored);
    cache_.take_out({"v", ""}, stored);
    http::Headers german;
    ASSERT_TRUE(german.add("Accept-Language", "de"));
    EXPECT_EQ(found({"u", ""}), "");
    EXPECT_EQ(found({"u", ""}, german), "de");
    EXPECT_EQ(found({"u", "t1"}), "one");
}

TEST_F(Answers, OneReplacesWhatAnswersTheSame) {
    keep({"u", ""}, answer("old"));
    keep({"u", ""}, answer("new"));
    EXPECT_EQ(found({"u", ""}), "new");
    EXPECT_EQ(cache_.purge({}), 1U);
}

}  // namespace
}  // namespace gw::gateway
