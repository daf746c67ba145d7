#include "gateway/canary_options.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

CanaryOptions shares(std::vector<std::uint32_t> percents) {
    CanaryOptions options;
    for (const std::uint32_t percent : percents) {
        CanaryVersion& version = options.versions.emplace_back();
        version.service = "v";
        version.percent = percent;
    }
    return options;
}

std::optional<std::size_t> of(const CanaryOptions& options, const std::string& who) {
    const http::Headers headers;
    return choose_version(options, {.headers = headers, .tenant = "", .sticky = who});
}

TEST(Canary, SharesAreAsLargeAsTheySay) {
    const CanaryOptions options = shares({5, 20});
    std::array<int, 3> counts{};
    for (int i = 0; i < 20'000; ++i) {
        const auto chosen = of(options, "user-" + std::to_string(i));
        ++counts.at(chosen ? *chosen : 2);
    }
    EXPECT_NEAR(counts[0], 1'000, 150);
    EXPECT_NEAR(counts[1], 4'000, 300);
}

TEST(Canary, NobodyIsAmongNoneAndEverybodyAmongAll) {
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_EQ(of(shares({0}), std::to_string(i)), std::nullopt);
        EXPECT_EQ(of(shares({100}), std::to_string(i)), 0U);
    }
}

TEST(Canary, WhoIsAmongFewIsAmongMore) {
    for (int i = 0; i < 2'000; ++i) {
        const std::string who = "10.0.0." + std::to_string(i);
        for (const std::uint32_t percent : {1U, 10U, 50U}) {
            if (of(shares({percent}), who)) {
                EXPECT_TRUE(of(shares({percent * 2}), who)) << who;
            }
        }
    }
}

TEST(Canary, RulesGoBeforeSharesAndTheFirstThatFitsCounts) {
    CanaryOptions options = shares({100});
    options.versions.push_back(
        {.service = "b", .header = "X-Beta: yes", .cookie = "beta=1", .tenants = {"t1"}});
    options.versions.emplace_back().tenants = {"t1", "t2"};
    http::Headers headers;
    const auto chosen = [&](std::string_view tenant) {
        return choose_version(options, {.headers = headers, .tenant = tenant, .sticky = "u"});
    };
    EXPECT_EQ(chosen(""), 0U);
    EXPECT_EQ(chosen("t1"), 1U);
    EXPECT_EQ(chosen("t2"), 2U);
    ASSERT_TRUE(headers.add("x-beta", "yes"));
    EXPECT_EQ(chosen("t2"), 1U);
    headers.clear();
    ASSERT_TRUE(headers.add("Cookie", "alpha=2; beta=1"));
    EXPECT_EQ(chosen(""), 1U);
    headers.clear();
    ASSERT_TRUE(headers.add("Cookie", "beta=11"));
    ASSERT_TRUE(headers.add("X-Beta", "no"));
    EXPECT_EQ(chosen(""), 0U);
}

}  // namespace
}  // namespace gw::gateway
