#include "limits/limiter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace gw::limits {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const Instant kBegin{std::chrono::hours(1'000)};
constexpr Millis kMinute{60'000};

std::string key(std::uint64_t number) {
    return "general:u=user-" + std::to_string(number);
}

TEST(KeyHash, IsSipHash) {
    // The first and a later test vector of its authors: key 00 01 … 0f, input 00 01 02 ….
    const HashSecret secret{0x0706050403020100ULL, 0x0F0E0D0C0B0A0908ULL};
    std::string input;
    EXPECT_EQ(key_hash(secret, input), 0x726FDB47DD0E0E31ULL);
    for (char c = 0; c < 15; ++c) {
        input.push_back(c);
    }
    EXPECT_EQ(key_hash(secret, input), 0xA129CA6149BE45E5ULL);
}

TEST(Limiter, CountsEachKeyByItself) {
    Limiter limiter(1 << 20, 7);
    const Quota quota(2, kMinute);
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(limiter.take("a", quota, kBegin).admitted);
        EXPECT_TRUE(limiter.take("b", quota, kBegin).admitted);
    }
    EXPECT_FALSE(limiter.take("a", quota, kBegin).admitted);
    EXPECT_FALSE(limiter.take("b", quota, kBegin).admitted);
    EXPECT_TRUE(limiter.take("", quota, kBegin).admitted);
    EXPECT_EQ(limiter.counts().keys, 3U);
    EXPECT_TRUE(limiter.take("a", quota, kBegin + seconds(61)).admitted);
}

TEST(Limiter, CountsAnewUnderAnotherQuota) {
    Limiter limiter(1 << 20, 7);
    EXPECT_TRUE(limiter.take("a", Quota(1, kMinute), kBegin).admitted);
    EXPECT_TRUE(limiter.take("a", Quota(2, kMinute), kBegin).admitted);
    EXPECT_TRUE(limiter.take("a", Quota(1, kMinute, minutes(5)), kBegin).admitted);
    EXPECT_FALSE(limiter.take("a", Quota(1, kMinute), kBegin).admitted);
}

TEST(Limiter, LooksWithoutCounting) {
    Limiter limiter(1 << 20, 7);
    const Quota quota(2, kMinute);
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(limiter.look("a", quota, kBegin).admitted);
    }
    EXPECT_EQ(limiter.counts().keys, 0U);
    limiter.take("a", quota, kBegin);
    EXPECT_EQ(limiter.look("a", quota, kBegin).remaining, 0U);
    limiter.give_back("a", quota, kBegin, kBegin);
    EXPECT_EQ(limiter.look("a", quota, kBegin).remaining, 1U);
    limiter.give_back("nobody", quota, kBegin, kBegin);
    EXPECT_EQ(limiter.counts().keys, 1U);
}

TEST(Limiter, ForgetsAKeyAndItsBlock) {
    Limiter limiter(1 << 20, 7);
    const Quota quota(1, kMinute, Millis{300'000});
    for (const char* name : {"a", "b"}) {
        EXPECT_TRUE(limiter.take(name, quota, kBegin).admitted);
        EXPECT_TRUE(limiter.take(name, quota, kBegin).blocked);
    }
    limiter.forget("a", quota);
    limiter.forget("nobody", quota);
    EXPECT_TRUE(limiter.take("a", quota, kBegin).admitted);
    EXPECT_TRUE(limiter.take("b", quota, kBegin).blocked);
}

TEST(Limiter, HasRoomForAMillionKeysIn64MiB) {
    Limiter limiter(Limiter::kBytes, 11);
    EXPECT_GE(limiter.room(), 1'000'000U);
    const Quota quota(100, kMinute);
    for (std::uint64_t i = 0; i < 1'000'000; ++i) {
        limiter.take(key(i), quota, kBegin);
    }
    EXPECT_LE(limiter.counts().pushed_out, 5'000U);
}

TEST(Limiter, ReusesThePlacesOfWhatIsOver) {
    Limiter limiter(1 << 16, 11);
    const Quota quota(100, kMinute);
    for (std::uint64_t round = 0; round < 50; ++round) {
        for (std::uint64_t i = 0; i < limiter.room() / 2; ++i) {
            limiter.take(key(round * 1'000'000 + i), quota, kBegin + round * minutes(2));
        }
    }
    EXPECT_LE(limiter.counts().pushed_out, 50 * limiter.room() / 2 / 100);
    EXPECT_LE(limiter.counts().keys, limiter.room());
}

TEST(Limiter, KeepsWhatIsBlockedOrNearItsLimitFromInventedKeys) {
    Limiter limiter(1 << 18, 11);
    const Quota tickets(5, kMinute, minutes(5));
    const Quota general(100, kMinute);
    constexpr std::uint64_t kHonest = 200;
    for (std::uint64_t i = 0; i < kHonest; ++i) {
        for (int n = 0; n < 6; ++n) {
            limiter.take(key(i), tickets, kBegin);
        }
        for (int n = 0; n < 90; ++n) {
            limiter.take(key(i), general, kBegin);
        }
    }
    for (std::uint64_t i = 0; i < 100 * limiter.room(); ++i) {
        limiter.take("invented" + std::to_string(i), general, kBegin + seconds(5));
    }
    for (std::uint64_t i = 0; i < kHonest; ++i) {
        EXPECT_TRUE(limiter.look(key(i), tickets, kBegin + seconds(6)).blocked) << i;
        EXPECT_EQ(limiter.look(key(i), general, kBegin + seconds(6)).remaining, 9U) << i;
    }
    EXPECT_GT(limiter.counts().pushed_out, limiter.room());
    EXPECT_EQ(limiter.counts().blocked_out, 0U);
}

TEST(Limiter, AdmitsTheLimitToManyThreadsTogether) {
    Limiter limiter(1 << 20, 7);
    const Quota quota(1'000, kMinute);
    std::atomic<int> admitted{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 2'000; ++i) {
                    admitted += limiter.take("one", quota, kBegin).admitted ? 1 : 0;
                    limiter.take(key(static_cast<std::uint64_t>(i)), quota, kBegin);
                }
            });
        }
    }
    EXPECT_EQ(admitted, 1'000);
    for (std::uint64_t i = 0; i < 2'000; ++i) {
        EXPECT_EQ(limiter.look(key(i), quota, kBegin).remaining, 1'000U - 5U);
    }
}

}  // namespace
}  // namespace gw::limits
