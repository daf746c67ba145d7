#include "schema/pattern.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace gw::schema {
namespace {

TEST(Pattern, IsFoundAnywhereUnlessItSaysOtherwise) {
    EXPECT_TRUE(Pattern::make("b+")->found_in("abbc"));
    EXPECT_FALSE(Pattern::make("^b")->found_in("abbc"));
    EXPECT_FALSE(Pattern::make("^a$")->found_in("a\n"));
    EXPECT_TRUE(Pattern::make(R"(^\u00e9[\u0041]\/$)")
                    ->found_in("\xC3\xA9"
                               "A/"));
    EXPECT_TRUE(Pattern::make(R"(^\d{2,3}$)")->found_in("123"));
    EXPECT_TRUE(Pattern::make("^.$")->found_in("\xF0\x9F\x98\x80"));
}

TEST(Pattern, WhatNeedsBacktrackingIsNone) {
    for (const auto* const text :
         {"(?=a)b", "(?<!a)b", R"((a)\1)", "(", "[b-a]", "a{2,1}", "*a", "a{5000}", R"(\)"}) {
        EXPECT_EQ(Pattern::make(text), nullptr) << text;
    }
    EXPECT_EQ(Pattern::make(std::string(5'000, 'a')), nullptr);
}

TEST(Pattern, HostileTextCostsNoMoreThanItsLength) {
    const auto pattern = Pattern::make("^(a+)+$");
    const auto nested = Pattern::make("(.*a){20}$");
    const auto began = std::chrono::steady_clock::now();
    EXPECT_FALSE(pattern->found_in(std::string(100'000, 'a') + "b"));
    EXPECT_FALSE(nested->found_in(std::string(100'000, 'a') + "b"));
    // A matcher that backtracks does not come back at all.
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

}  // namespace
}  // namespace gw::schema
