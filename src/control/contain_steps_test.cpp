#include "control/contain_steps.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace gw::control {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};
constexpr std::chrono::hours kHour{1};

std::expected<ContainTargets, std::string> read(std::string_view json) {
    return read_contain_targets(boost::json::parse(json).as_object());
}

std::vector<ContainStep> steps_for(std::string_view json) {
    return contain_steps(*read(json), "incident 7", "ana", kNow, kNow + kHour);
}

ContainStep meeting(const char* key, const char* value, std::optional<WallTime> end,
                    const char* of = "") {
    ContainStep step{.key = key, .value = "1800000000", .until = kNow + kHour};
    meet(step, Standing{.value = value, .until = end, .containment = of}, kNow);
    return step;
}

TEST(ContainSteps, BanFirstAndRevokeThen) {
    std::vector<std::string> keys;
    for (const ContainStep& step : steps_for(
             R"({"users": ["42", "42"], "addresses": ["203.0.113.007"], "tokens": ["j1"]})")) {
        keys.push_back(step.key);
        EXPECT_EQ(step.until, kNow + kHour);
    }
    EXPECT_EQ(keys, (std::vector<std::string>{"banned:user:42", "banned:ip:203.0.113.7",
                                              "revoked:jti:j1", "revoked:user:42"}));
    EXPECT_EQ(steps_for(R"({"tenants": ["t"]})").back().value, "1800000000");
}

TEST(ContainSteps, RefuseWhoNamesNobodyOrEverybody) {
    for (const char* json :
         {"{}", R"({"users": []})", R"({"users": "42"})", R"({"users": [42]})",
          R"({"users": [""]})", R"({"users": ["a\nb"]})", R"({"addresses": ["nonsense"]})",
          R"({"addresses": ["0.0.0.0/0"]})", R"({"addresses": ["::/8"]})"}) {
        EXPECT_FALSE(read(json).has_value()) << json;
    }
}

TEST(ContainSteps, NeverShortenWhatIsInForce) {
    EXPECT_TRUE(meeting("banned:user:42", "1", std::nullopt).kept);
    EXPECT_TRUE(meeting("banned:user:42", "1", kNow + 2 * kHour).kept);
    EXPECT_FALSE(meeting("banned:user:42", "1", kNow + std::chrono::minutes(30)).kept);
    EXPECT_TRUE(meeting("revoked:jti:j", "1", std::nullopt).kept);
    const ContainStep longer = meeting("revoked:user:42", "1700000000", std::nullopt);
    EXPECT_FALSE(longer.kept);
    EXPECT_FALSE(longer.until.has_value());
    EXPECT_EQ(longer.value, "1800000000");
    EXPECT_EQ(meeting("revoked:user:42", "1800000060", std::nullopt).value, "1800000060");
}

TEST(ContainSteps, HoldTogetherWhatAnotherContainmentHoldsLonger) {
    for (const char* key : {"revoked:jti:j", "banned:user:42"}) {
        const ContainStep step = meeting(key, "as it was", kNow + 2 * kHour, "another");
        EXPECT_FALSE(step.kept);
        EXPECT_EQ(step.value, "as it was");
        EXPECT_EQ(step.until, kNow + 2 * kHour);
        EXPECT_EQ(step.before->containment, "another");
    }
    EXPECT_EQ(meeting("revoked:jti:j", "1", kNow + std::chrono::minutes(30), "another").until,
              kNow + kHour);
}

TEST(ContainSteps, RememberOnlyWhatIsStillInForce) {
    EXPECT_TRUE(meeting("banned:user:42", "1", kNow + std::chrono::minutes(30)).before.has_value());
    EXPECT_FALSE(meeting("banned:user:42", "1", kNow).before.has_value());
}

}  // namespace
}  // namespace gw::control
