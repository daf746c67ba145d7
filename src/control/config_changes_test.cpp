#include "control/config_changes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gw::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kBefore = R"(# the shop
limits:
  general: {requests: 100}
services:
  event-service: {url: "http://10.0.0.1:4003"}
  venue-service: {url: "http://10.0.0.2:4002"}
)";

TEST(ConfigChanges, SayWhichLinesAreGoneAndWhichAreNew) {
    EXPECT_THAT(config_changes(kBefore, kBefore, 10), IsEmpty());
    std::string after(kBefore);
    after.replace(after.find("100"), 3, "200");
    after += "# nothing but a remark\n\nregion: eu\n";
    EXPECT_THAT(
        config_changes(kBefore, after, 10),
        ElementsAre("- general: {requests: 100}", "+ general: {requests: 200}", "+ region: eu"));
}

TEST(ConfigChanges, CountALineThatStandsTwice) {
    EXPECT_THAT(config_changes("a: 1\na: 1\n", "a: 1\n", 10), ElementsAre("- a: 1"));
}

TEST(ConfigChanges, ShowNoSecret) {
    EXPECT_THAT(config_changes("",
                               "redis: {url: \"redis://ann:pw@host/0\", password: hunter2}\n"
                               "  jwt_secret: abc\n  public_keys: {dir: /k}\n  api_key: 'x'\n",
                               10),
                ElementsAre("+ redis: {url: \"redis://***@host/0\", password: ***}",
                            "+ jwt_secret: ***", "+ public_keys: {dir: /k}", "+ api_key: ***"));
}

TEST(ConfigChanges, AreBounded) {
    std::string after;
    for (int i = 0; i < 100; ++i) {
        after += "a" + std::to_string(i) + ": 1\n";
    }
    EXPECT_THAT(config_changes("", after, 3), ElementsAre("+ a0: 1", "+ a1: 1", "and 98 more"));
    EXPECT_LE(config_changes("", std::string(5'000, 'x'), 3).front().size(), 210U);
}

TEST(ConfigChanges, NameVariablesAndKeepTheirValues) {
    EXPECT_THAT(variable_changes({{"A", "1"}, {"B", "2"}, {"C", "3"}},
                                 {{"A", "1"}, {"B", "secret"}, {"D", "4"}}),
                ElementsAre("± B", "- C", "+ D"));
}

}  // namespace
}  // namespace gw::control
