#include "limits/refused_keys.hpp"

#include <gtest/gtest.h>

namespace gw::limits {
namespace {

constexpr Instant kStart{std::chrono::hours(1)};

TEST(RefusedKeys, TellsWhoIsRefusedMostFirst) {
    RefusedKeys keys;
    for (int i = 0; i < 5; ++i) {
        keys.note("general:u=often", kStart);
    }
    keys.note("general:u=once", kStart);
    const auto found = keys.list(kStart);
    ASSERT_EQ(2U, found.size());
    EXPECT_EQ("general:u=often", found[0].key);
    EXPECT_EQ(5U, found[0].refused);
}

TEST(RefusedKeys, IsNotFloodedByKeysThatStrangersInvent) {
    RefusedKeys keys;
    for (int i = 0; i < 100'000; ++i) {
        keys.note("general:a=" + std::to_string(i), kStart);
        if (i % 20 == 0) {
            keys.note("general:u=often", kStart);
        }
    }
    const auto found = keys.list(kStart);
    EXPECT_EQ(RefusedKeys::kKeysMax, found.size());
    EXPECT_EQ("general:u=often", found[0].key);
}

TEST(RefusedKeys, ForgetsByTimeAndWhenItIsTold) {
    RefusedKeys keys;
    for (int i = 0; i < 4; ++i) {
        keys.note("a", kStart);
        keys.note("b", kStart);
    }
    keys.note("c", kStart);
    keys.forget("a");
    keys.forget("nobody");
    const auto later = keys.list(kStart + RefusedKeys::kHalfLife);
    ASSERT_EQ(1U, later.size());
    EXPECT_EQ("b", later[0].key);
    EXPECT_EQ(2U, later[0].refused);
    keys.note("b", kStart + RefusedKeys::kHalfLife);
    EXPECT_EQ(3U, keys.list(kStart + RefusedKeys::kHalfLife)[0].refused);
    EXPECT_TRUE(keys.list(kStart + 40 * RefusedKeys::kHalfLife).empty());
}

}  // namespace
}  // namespace gw::limits
