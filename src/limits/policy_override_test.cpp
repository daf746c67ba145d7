#include "limits/policy_override.hpp"

#include <gtest/gtest.h>

namespace gw::limits {
namespace {

PolicyOverride read(std::string_view text) {
    const auto over = parse_policy_override(text);
    EXPECT_TRUE(over.has_value()) << text;
    return over.value_or(PolicyOverride{});
}

TEST(PolicyOverride, IsWrittenByHandAsPeopleWouldWriteIt) {
    EXPECT_EQ(Enforcement::off, read("off").enforcement);
    EXPECT_EQ(Enforcement::dry_run, read(" dry-run\n").enforcement);
    EXPECT_EQ(500U, read("500").requests);
    EXPECT_EQ(std::nullopt, read("500").window);
    EXPECT_EQ(Millis(60'000), read("500/60s").window);
    EXPECT_EQ(Millis(1'500), read("5/1500ms").window);
    EXPECT_EQ("500 requests, in 60 s, dry-run", to_text(read("500/1m dry-run")));
}

TEST(PolicyOverride, RefusesWhatSaysNothingOrTooMuch) {
    for (const char* text :
         {"", " ", "0", "1000001", "99999999999999999999", "-5", "5/", "5/60", "5/0s", "5/32d",
          "5 6", "on off", "of", "{}", "5/60s/2", "0x10", "5/9999999999999999999s"}) {
        const auto over = parse_policy_override(text);
        ASSERT_FALSE(over.has_value()) << text;
        EXPECT_FALSE(over.error().remedy.empty()) << text;
    }
}

TEST(PolicyOverride, ChangesWhatItNamesAndNothingElse) {
    PolicyOptions options = LimitsOptions::purchase_defaults();
    options.tiers["gold"] = {.requests = 50, .tenants = {"t1"}};
    const auto same = overridden(options, read("7"));
    ASSERT_TRUE(same.has_value());
    EXPECT_EQ(7U, same->requests);
    EXPECT_EQ(options.window, same->window);
    EXPECT_EQ(options.block, same->block);
    EXPECT_EQ(50U, same->tiers.at("gold").requests);
    EXPECT_TRUE(same->enabled);
    EXPECT_FALSE(overridden(options, read("off"))->enabled);
    EXPECT_TRUE(overridden(options, read("dry-run"))->dry_run);
    options.dry_run = true;
    EXPECT_FALSE(overridden(options, read("on"))->dry_run);
    PolicyOverride gold;
    gold.tiers["gold"] = 5;
    EXPECT_EQ(5U, overridden(options, gold)->tiers.at("gold").requests);
}

TEST(PolicyOverride, IsRefusedWhereTheConfigurationWouldBe) {
    PolicyOptions leased;
    PolicyOverride over;
    over.block = Millis(1'000);
    ASSERT_FALSE(overridden(leased, over).has_value());
    EXPECT_EQ("use the mode exact or local for it", overridden(leased, over).error().remedy);
    over = {};
    over.tiers["gold"] = 5;
    EXPECT_FALSE(overridden(leased, over).has_value());
    over = {};
    over.window = Millis(10);
    EXPECT_FALSE(overridden(leased, over).has_value());
}

}  // namespace
}  // namespace gw::limits
