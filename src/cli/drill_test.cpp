#include "cli/drill.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/drill_play.hpp"

namespace gw::cli {
namespace {

DrillResult played(bool passed) {
    return {.name = "brute-force",
            .page = "X.md",
            .steps = {{.phase = DrillPhase::notice,
                       .what = "a | b",
                       .passed = passed,
                       .took = Millis{1'234},
                       .within = Millis{120'000},
                       .found = passed ? "" : "it is 0"}},
            .refused = {}};
}

TEST(Drill, HasPassedWhenEachOfItsStepsHas) {
    EXPECT_TRUE(played(true).passed());
    EXPECT_FALSE(played(false).passed());
    DrillResult refused = played(true);
    refused.refused = "no Redis";
    EXPECT_FALSE(refused.passed());
    EXPECT_FALSE(DrillResult{}.passed()) << "nothing was tried";
}

TEST(Drill, TellsWhatTookHowLongOfWhatIsAllowed) {
    const std::string text = results_as_text({played(true), played(false)});
    EXPECT_TRUE(text.contains("ok      notice   a | b")) << text;
    EXPECT_TRUE(text.contains("1.23 s of 2 min")) << text;
    EXPECT_TRUE(text.contains("          it is 0\n")) << text;
    EXPECT_TRUE(text.ends_with("1 passed, 1 failed\n")) << text;
}

TEST(Drill, IsATableThatItsTextCannotBreak) {
    EXPECT_TRUE(
        results_as_markdown({played(false)})
            .contains("| [brute-force](runbooks/X.md) | notice | a \\| b: **failed**, it is 0 | "
                      "1.23 s | 2 min |\n"));
}

TEST(Drill, IsJsonThatSaysWhatFailed) {
    const auto found = boost::json::parse(results_as_json({played(false)})).as_object();
    EXPECT_EQ(found.at("failed").to_number<int>(), 1);
    const auto& step = found.at("drills").at(0).at("steps").at(0);
    EXPECT_EQ(step.at("found").as_string(), "it is 0");
    EXPECT_EQ(step.at("tookMs").to_number<int>(), 1'234);
}

TEST(Drill, SaysTimesAsOperatorsDo) {
    EXPECT_EQ(drill_time(Millis{5}), "0.00 s");
    EXPECT_EQ(drill_time(Millis{9'999}), "9.99 s");
    EXPECT_EQ(drill_time(Millis{30'000}), "30 s");
    EXPECT_EQ(drill_time(Millis{900'000}), "15 min");
}

TEST(Drill, EachHasAPageAndAHelp) {
    for (const DrillPlan& plan : drill_plans()) {
        EXPECT_TRUE(std::string_view(plan.page).ends_with(".md")) << plan.name;
        EXPECT_FALSE(std::string_view(plan.help).empty()) << plan.name;
    }
}

TEST(DrillStack, ReadsWhoATokenIsOf) {
    // {"alg":"none"} . {"sub":"u1","jti":"t1"}
    const auto claims = DrillStack::claims("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSIsImp0aSI6InQxIn0.x");
    EXPECT_EQ(claims.sub, "u1");
    EXPECT_EQ(claims.jti, "t1");
    for (const char* bad : {"", ".", "..", "a.!.b", "a.e30.b"}) {
        EXPECT_EQ(DrillStack::claims(bad).jti, "") << bad;
    }
}

}  // namespace
}  // namespace gw::cli
