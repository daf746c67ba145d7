#include "control/console_assets.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

TEST(ConsoleAssets, ThereIsAPageAndItsFiles) {
    const ConsoleAsset* const page = find_console_asset("/");
    ASSERT_NE(page, nullptr);
    EXPECT_TRUE(page->content_type.starts_with("text/html"));
    EXPECT_TRUE(page->plain.contains("<!doctype html>"));
    EXPECT_EQ(find_console_asset("/console/../etc/passwd"), nullptr);
    EXPECT_NE(find_console_asset("/console/runbooks/CircuitBreakerOpen.md"), nullptr);
}

TEST(ConsoleAssets, TogetherTheyAreSmall) {
    std::size_t packed = 0;
    for (const ConsoleAsset& asset : console_assets()) {
        packed += asset.gzip.empty() ? asset.plain.size() : asset.gzip.size();
        EXPECT_LT(asset.gzip.size(), asset.plain.size()) << asset.path;
    }
    EXPECT_LT(packed, 150UL * 1024);
}

TEST(ConsoleAssets, GzipGoesToThoseWhoTakeIt) {
    EXPECT_TRUE(takes_gzip("gzip, deflate, br"));
    EXPECT_TRUE(takes_gzip("br;q=1.0, GZIP;q=0.8"));
    EXPECT_FALSE(takes_gzip("gzip;q=0"));
    EXPECT_FALSE(takes_gzip("gzip; q=0.000"));
    EXPECT_FALSE(takes_gzip("br, xgzip"));
    EXPECT_FALSE(takes_gzip(""));
}

}  // namespace
}  // namespace gw::control
