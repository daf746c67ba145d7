#include "security/auth_diagnosis.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace gw::security {
namespace {

using Cause = AuthDiagnosis::Cause;

const Instant kBegin{std::chrono::hours(1'000)};
const WallTime kWall{Millis(1'795'417'200'000)};

// `count` failures spread over `spread`, of `sources` addresses and as many accounts.
void fail_many(AuthTally& tally, AuthFailure failure, std::uint64_t count, std::uint64_t sources,
               Instant from = kBegin, Millis spread = std::chrono::minutes(5)) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t who = (i % sources + 1) * 0x9E3779B97F4A7C15ULL;
        tally.failed(failure, who, who ^ 1, from + spread * i / count);
    }
}
void succeed_many(AuthTally& tally, int count, Instant at) {
    for (int i = 0; i < count; ++i) {
        tally.succeeded(1, at);
    }
}
const Instant kLater = kBegin + std::chrono::minutes(5);

TEST(AuthDiagnosis, IsQuietWhileLittleFails) {
    AuthTally tally;
    EXPECT_EQ(diagnose(tally, kBegin).cause, Cause::quiet);
    fail_many(tally, AuthFailure::expired, 50, 50);
    succeed_many(tally, 1'000, kBegin);
    EXPECT_EQ(diagnose(tally, kLater).cause, Cause::quiet);
}

TEST(AuthDiagnosis, SeesBruteForceFromFewAddresses) {
    AuthTally tally;
    fail_many(tally, AuthFailure::signature, 200, 3);
    fail_many(tally, AuthFailure::signature, 40, 40);
    const AuthDiagnosis found = diagnose(tally, kLater);
    EXPECT_EQ(found.cause, Cause::brute_force) << found.line;
    EXPECT_NE(found.line.find("240 of 240"), std::string::npos) << found.line;
}

TEST(AuthDiagnosis, SeesBruteForceOnOneAccountFromManyAddresses) {
    AuthTally tally;
    for (std::uint64_t i = 1; i <= 300; ++i) {
        tally.failed(AuthFailure::other, i * 0x9E3779B97F4A7C15ULL, 7, kBegin);
    }
    const AuthDiagnosis found = diagnose(tally, kLater);
    EXPECT_EQ(found.cause, Cause::brute_force) << found.line;
    EXPECT_NE(found.line.find("accounts"), std::string::npos);
}

TEST(AuthDiagnosis, SeesAFaultOfTheIssuer) {
    AuthTally tally;
    fail_many(tally, AuthFailure::unknown_key, 400, 300);
    EXPECT_EQ(diagnose(tally, kLater).cause, Cause::system);
}

TEST(AuthDiagnosis, SeesTheClockAhead) {
    AuthTally tally;
    for (int i = 0; i < 30; ++i) {
        tally.token_seen(kWall + std::chrono::seconds(40), kWall + std::chrono::seconds(i), kBegin);
    }
    EXPECT_EQ(tally.clock_offset(kBegin), Millis{-38'000});
    fail_many(tally, AuthFailure::not_yet_valid, 100, 90);
    const AuthDiagnosis found = diagnose(tally, kLater);
    EXPECT_EQ(found.cause, Cause::clock);
    EXPECT_NE(found.line.find("-38 s"), std::string::npos) << found.line;
}

TEST(AuthDiagnosis, OneStrangeTokenDoesNotMoveTheClock) {
    AuthTally tally;
    EXPECT_FALSE(tally.clock_offset(kBegin));
    for (int i = 0; i < 50; ++i) {
        tally.token_seen(kWall - Millis(200 + i), kWall, kBegin);
    }
    tally.token_seen(kWall + std::chrono::hours(1), kWall, kBegin);
    EXPECT_EQ(tally.clock_offset(kBegin), Millis{201});
    EXPECT_FALSE(tally.clock_offset(kBegin + std::chrono::minutes(20)));
}

TEST(AuthDiagnosis, SeesThatFailuresBeganWithAChange) {
    AuthTally tally;
    succeed_many(tally, 500, kBegin);
    tally.configuration_changed(kLater);
    fail_many(tally, AuthFailure::signature, 300, 250, kLater);
    const Instant now = kLater + std::chrono::minutes(5);
    EXPECT_EQ(diagnose(tally, now).cause, Cause::deployment) << diagnose(tally, now).line;
}

TEST(AuthDiagnosis, SeesThatTokensAreNotRenewed) {
    AuthTally tally;
    fail_many(tally, AuthFailure::expired, 300, 200);
    succeed_many(tally, 300, kBegin);
    EXPECT_EQ(diagnose(tally, kLater).cause, Cause::expiry);
}

TEST(AuthDiagnosis, SaysWhenThereIsNoSingleCause) {
    AuthTally tally;
    fail_many(tally, AuthFailure::expired, 100, 100);
    fail_many(tally, AuthFailure::missing, 100, 100);
    fail_many(tally, AuthFailure::malformed, 100, 100);
    EXPECT_EQ(diagnose(tally, kLater).cause, Cause::mixed);
}

TEST(AuthDiagnosis, ForgetsAfterAQuarterOfAnHour) {
    AuthTally tally;
    fail_many(tally, AuthFailure::expired, 100, 100);
    EXPECT_EQ(diagnose(tally, kBegin + std::chrono::minutes(21)).cause, Cause::quiet);
}

TEST(FrequentKeys, FindsTheFewAmongMany) {
    Random random(5);
    FrequentKeys keys;
    for (int i = 0; i < 10'000; ++i) {
        keys.add(i % 2 == 0 ? 42 : random.next());
    }
    EXPECT_GE(keys.top(1), 5'000U - 10'000U / FrequentKeys::kPlaces);
    EXPECT_LE(keys.top(1), 5'000U);
    FrequentKeys few;
    for (int i = 0; i < 5'000; ++i) {
        few.add(random.below(300) * 0x9E3779B97F4A7C15ULL);
    }
    EXPECT_NEAR(static_cast<double>(few.different()), 300, 60);
}

}  // namespace
}  // namespace gw::security
