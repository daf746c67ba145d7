#include "identity/token_cache.hpp"

#include <gtest/gtest.h>

namespace gw::identity {
namespace {

constexpr WallTime at(int second) {
    return WallTime(std::chrono::seconds(second));
}
std::string token(int number) {
    return std::string(40, 'h') + std::to_string(number);
}
Identity of(std::string subject) {
    Identity identity;
    identity.subject = std::move(subject);
    return identity;
}

TEST(TokenCache, ATokenIsFoundUntilItsTimeIsOver) {
    TokenCache cache;
    cache.keep("a.b.c", of("u1"), at(100));
    ASSERT_NE(cache.find("a.b.c", at(99)), nullptr);
    EXPECT_EQ(cache.find("a.b.c", at(99))->subject, "u1");
    EXPECT_EQ(cache.find("a.b.c", at(100)), nullptr);
    EXPECT_EQ(cache.find("", at(0)), nullptr);
}

TEST(TokenCache, OnlyTheExactBytesAreFound) {
    TokenCache cache;
    const std::string end(32, 's');
    cache.keep("header.claims1." + end, of("u1"), at(100));
    EXPECT_EQ(cache.find("header.claims2." + end, at(0)), nullptr) << "the same signature";
    cache.keep("header.claims2." + end, of("u2"), at(100));
    ASSERT_NE(cache.find("header.claims2." + end, at(0)), nullptr);
    EXPECT_EQ(cache.find("header.claims2." + end, at(0))->subject, "u2");
    EXPECT_EQ(cache.find("header.claims1." + end, at(0)), nullptr) << "verified again, never mixed";
}

TEST(TokenCache, TheOldestMakesRoom) {
    TokenCache cache(3);
    for (int i = 0; i < 10; ++i) {
        cache.keep(token(i), of("u"), at(100));
        EXPECT_LE(cache.size(), 3);
    }
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(cache.find(token(i), at(0)) != nullptr, i >= 7) << i;
    }
}

TEST(TokenCache, WhatIsKeptTwiceOutlivesItsFirstPlace) {
    TokenCache cache(3);
    for (const int i : {1, 2, 1, 3}) {  // 3 takes the first place of 1
        cache.keep(token(i), of("u"), at(100));
    }
    EXPECT_NE(cache.find(token(1), at(0)), nullptr);
    EXPECT_NE(cache.find(token(3), at(0)), nullptr);
}

TEST(TokenCache, NothingIsLeftWhenKeysChangeOrRoomShrinks) {
    TokenCache cache(3);
    for (int i = 0; i < 3; ++i) {
        cache.keep(token(i), of("u"), at(100));
    }
    cache.set_most(2);
    EXPECT_EQ(cache.size(), 0);
    const auto held = cache.keep(token(1), of("u1"), at(100));
    cache.clear();
    EXPECT_EQ(cache.find(token(1), at(0)), nullptr);
    EXPECT_EQ(held->subject, "u1") << "a request that has it goes on";
    cache.set_most(0);
    EXPECT_NE(cache.keep(token(1), of("u1"), at(100)), nullptr);
    EXPECT_EQ(cache.size(), 0);
}

}  // namespace
}  // namespace gw::identity
