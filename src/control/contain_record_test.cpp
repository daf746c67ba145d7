#include "control/contain_record.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace gw::control {
namespace {

using std::chrono::seconds;

constexpr WallTime kNow{seconds(1'800'000'000)};
constexpr std::chrono::hours kHour{1};

RecordedStep step(std::optional<Standing> before = std::nullopt) {
    return {.key = "revoked:jti:j", .written = "1", .until = kNow + kHour, .before = before};
}

std::optional<Standing> there(WallTime until, const char* containment) {
    return Standing{.value = "1", .until = until, .containment = containment};
}

ContainRecord record(bool undone, std::optional<Standing> before) {
    return {.undone = undone, .steps = {step(std::move(before))}};
}

TEST(ContainRecord, IsItsOwnWithValueEndAndHolder) {
    EXPECT_EQ(why_not_its_own(step(), there(kNow + kHour + seconds(2), "a"), "a"), "");
    EXPECT_EQ(why_not_its_own(step(), std::nullopt, "a"), "it is not there any more");
    EXPECT_EQ(why_not_its_own(step(), there(kNow + 24 * kHour, "a"), "a"), "it was changed since");
    EXPECT_EQ(why_not_its_own(step(), Standing{.value = "1", .containment = "a"}, "a"),
              "it was changed since");
    EXPECT_EQ(why_not_its_own(step(), there(kNow + kHour, ""), "a"),
              "somebody asked for it again since");
    EXPECT_EQ(why_not_its_own(step(), there(kNow + kHour, "b"), "a"), "containment b holds it too");
}

TEST(ContainRecord, BringsBackWhatWasBefore) {
    const auto back = what_comes_back(step(there(kNow + std::chrono::minutes(30), "")), {}, kNow);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->until, kNow + std::chrono::minutes(30));
    EXPECT_FALSE(what_comes_back(step(there(kNow, "")), {}, kNow).has_value());
    EXPECT_FALSE(what_comes_back(step(), {}, kNow).has_value());
}

TEST(ContainRecord, BringsNothingBackThatAnUndoneContainmentHeld) {
    const RecordedStep last = step(there(kNow + kHour, "b"));
    EXPECT_EQ(what_comes_back(last, {{"b", record(false, std::nullopt)}}, kNow)->containment, "b");
    EXPECT_FALSE(what_comes_back(last, {{"b", record(true, std::nullopt)}}, kNow).has_value());
    const ContainRecords three{{"b", record(true, there(kNow + kHour, "a"))},
                               {"a", record(false, std::nullopt)}};
    EXPECT_EQ(what_comes_back(last, three, kNow)->containment, "a");
    const RecordedStep by_hand = step(there(kNow + 24 * kHour, "b"));
    EXPECT_TRUE(what_comes_back(by_hand, {{"b", record(true, std::nullopt)}}, kNow).has_value());
    const ContainRecords circle{{"b", record(true, there(kNow + kHour, "b"))}};
    EXPECT_FALSE(what_comes_back(last, circle, kNow).has_value());
}

TEST(ContainRecord, TakesOnlyBansAndRevocationsOfWhatItReads) {
    const ContainRecord read = read_contain_record(boost::json::parse(R"({"undone": null, "steps": [
            {"key": "revoked:jti:j", "written": "1", "untilMs": 1800003600000,
             "before": {"value": "1", "untilMs": null, "containment": "b"}},
            {"key": "banned:user:42", "written": ""}, {"key": "maintenance:mode", "written": "down"},
            7]})")
                                                       .as_object());
    ASSERT_EQ(read.steps.size(), 1);
    EXPECT_EQ(read.steps[0].until, kNow + kHour);
    EXPECT_EQ(held_before(read), std::vector<std::string>{"b"});
    EXPECT_FALSE(read.steps[0].before->until.has_value());
    EXPECT_FALSE(read.undone);
}

TEST(ContainRecord, ReadsMomentsThatNoClockShowsAsTheFirstAndTheLast) {
    const ContainRecord read = read_contain_record(boost::json::parse(R"({"steps": [
            {"key": "banned:user:42", "written": "1", "untilMs": 9223372036854775807},
            {"key": "banned:user:43", "written": "1", "untilMs": -9223372036854775808}]})")
                                                       .as_object());
    ASSERT_EQ(read.steps.size(), 2);
    EXPECT_EQ(read.steps[0].until, wall_at(kWallMsMax));
    EXPECT_EQ(read.steps[1].until, WallTime{});
}

}  // namespace
}  // namespace gw::control
