#include "state/revoked.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace gw::state {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeed = 31;
constexpr std::int64_t kSecond = 1'795'437'000;
constexpr WallTime kNow = WallTime(std::chrono::seconds(kSecond));

Taken set(RevocationWriter& writer, std::string_view rest, std::string_view value,
          std::optional<WallTime> expires = {}, WallTime now = kNow) {
    return writer.set(rest, value, expires, now);
}

std::string revoked(const Revocations& revocations, WallTime issued, WallTime now = kNow) {
    const auto by = revocations.check("j", "u", "t", issued, now);
    return by ? std::string(name_of(*by)) : "good";
}

TEST(RevokedUntil, ReadsSecondsAndWhatIsMoreExact) {
    for (const char* text : {"1795437000", " 1795437000 ", "1795437000\n", "1795437000.0",
                             "01795437000", "1795437000000", "1795437000000000", "1795437000000999",
                             "1795437000000000000", "1795437000.0009"}) {
        EXPECT_EQ(parse_revoked_until(text), kSecond * 1000) << text;
    }
    EXPECT_EQ(parse_revoked_until("1795437000.25"), kSecond * 1000 + 250);
    EXPECT_EQ(parse_revoked_until("1795437000250"), kSecond * 1000 + 250);
    EXPECT_EQ(parse_revoked_until("1000000000"), 1'000'000'000'000);
}

TEST(RevokedUntil, RefusesWhatIsNoTime) {
    for (const char* text :
         {"", " ", "0", "1", "999999999", "-1795437000", "+1795437000", "yes", "1795437000s",
          "1.8e9", "0x6b03fa48", "2026-11-23T12:30:00Z", "99999999999999999999", "1795437000.",
          ".5", "1795437000.x", "1795437000,5", "17954 37000", "999999999999"}) {
        EXPECT_EQ(parse_revoked_until(text), std::nullopt) << text;
    }
}

TEST(Revocations, NothingIsRevokedAtFirst) {
    EXPECT_EQ(revoked(Revocations(kSeed), kNow), "good");
}

TEST(Revocations, ATokenIsRevokedByItsId) {
    RevocationWriter writer(kSeed);
    EXPECT_TRUE(set(writer, "jti:j", "1", kNow + 60s).changed);
    const Revocations revocations = writer.commit();
    EXPECT_EQ(revoked(revocations, kNow + 1h), "jti");
    EXPECT_EQ(revoked(revocations, kNow, kNow + 60s), "good");
    EXPECT_FALSE(revocations.check("", "u", "t", kNow, kNow));
    EXPECT_FALSE(revocations.check("other", "u", "t", kNow, kNow));
}

TEST(Revocations, TokensIssuedAtTheMomentOrBeforeAreRevoked) {
    for (const char* rest : {"user:u", "tenant:t", "all"}) {
        RevocationWriter writer(kSeed);
        EXPECT_STREQ(set(writer, rest, "1795437000").complaint, "");
        const Revocations revocations = writer.commit();
        EXPECT_NE(revoked(revocations, kNow - 1h), "good") << rest;
        EXPECT_NE(revoked(revocations, kNow), "good") << rest;
        EXPECT_EQ(revoked(revocations, kNow + 1s), "good") << rest;
        EXPECT_NE(revoked(revocations, WallTime{}), "good") << rest;  // a token without `iat`
        EXPECT_TRUE(writer.erase(rest));
        EXPECT_EQ(revoked(writer.commit(), kNow), "good") << rest;
    }
}

TEST(Revocations, OnlyWhoseTheyAre) {
    RevocationWriter writer(kSeed);
    set(writer, "user:someone", "1795437000");
    set(writer, "tenant:u", "1795437000");
    set(writer, "user:t", "1795437000");
    EXPECT_EQ(revoked(writer.commit(), kNow), "good");
    set(writer, "all", "1795437000");
    EXPECT_TRUE(writer.commit().check("", "", "", kNow, kNow));
}

TEST(Revocations, MillisecondsAreNotTheYear58000) {
    RevocationWriter writer(kSeed);
    EXPECT_STREQ(set(writer, "user:u", "1795437000000").complaint, "");
    EXPECT_EQ(revoked(writer.commit(), kNow), "user");
    EXPECT_EQ(revoked(writer.commit(), kNow + 1s), "good");
}

TEST(Revocations, GarbageRevokesUpToTheMomentItWasSeen) {
    RevocationWriter writer(kSeed);
    const Taken first = set(writer, "user:u", "true");
    EXPECT_TRUE(first.changed);
    EXPECT_STRNE(first.complaint, "");
    EXPECT_EQ(revoked(writer.commit(), kNow), "user");
    EXPECT_EQ(revoked(writer.commit(), kNow + 1s), "good");
    // Told again, as a listing does, it is not seen for the first time.
    EXPECT_FALSE(set(writer, "user:u", "true", {}, kNow + 1h).changed);
    EXPECT_EQ(revoked(writer.commit(), kNow + 1s), "good");
    // Other garbage is.
    EXPECT_TRUE(set(writer, "user:u", "TRUE", {}, kNow + 1h).changed);
    EXPECT_EQ(revoked(writer.commit(), kNow + 1h), "user");
}

TEST(Revocations, GarbageIsToldAsTheMomentItWasTakenFor) {
    RevocationWriter writer(kSeed);
    EXPECT_EQ(set(writer, "user:u", "1795437000.5").moment_ms, 0);
    const Taken first = set(writer, "user:u", "1");
    EXPECT_EQ(first.moment_ms, epoch_ms(kNow));
    // The same as before while nobody could write it.
    EXPECT_EQ(set(writer, "user:u", "1", {}, kNow + 1h).moment_ms, epoch_ms(kNow));
    const std::string text = revoked_until_text(epoch_ms(kNow) + 7);
    EXPECT_EQ(text, "1795437000.007");
    EXPECT_EQ(parse_revoked_until(text), epoch_ms(kNow) + 7);
    EXPECT_STREQ(set(writer, "user:u", text).complaint, "");
    EXPECT_EQ(set(writer, "jti:j", "1").moment_ms, 0);
}

TEST(Revocations, GarbageSetAgainAfterItsEndIsSeenAgain) {
    RevocationWriter writer(kSeed);
    set(writer, "all", "x", kNow + 60s);
    EXPECT_TRUE(set(writer, "all", "x", kNow + 3h, kNow + 2h).changed);
    EXPECT_EQ(revoked(writer.commit(), kNow + 2h, kNow + 2h), "all");
}

TEST(Revocations, ATimeToComeIsObeyedAndComplainedOf) {
    RevocationWriter writer(kSeed);
    EXPECT_STREQ(set(writer, "all", "1795437060").complaint, "") << "clocks differ";
    EXPECT_STRNE(set(writer, "all", "1795440600").complaint, "");
    EXPECT_STRNE(set(writer, "all", "1895437000").complaint, "");
    EXPECT_EQ(revoked(writer.commit(), kNow + 1000h), "all");
    EXPECT_STRNE(set(writer, "all", "99999999999").complaint, "");
    EXPECT_EQ(revoked(writer.commit(), WallTime::max()), "all");
}

TEST(Revocations, WhatRevokesNothingIsComplainedOf) {
    RevocationWriter writer(kSeed);
    for (const char* rest : {"", "jti:", "user:", "tenant:", "everything", "all:", "All"}) {
        const Taken taken = set(writer, rest, "1795437000");
        EXPECT_FALSE(taken.changed) << rest;
        EXPECT_STRNE(taken.complaint, "") << rest;
        EXPECT_FALSE(writer.erase(rest)) << rest;
    }
}

TEST(Revocations, KeysAreListedAsTheyWereWritten) {
    const std::map<std::string, std::string> keys = {{"revoked:jti:a:b", "yes"},
                                                     {"revoked:user:u", "1795437000000"},
                                                     {"revoked:tenant:t", "rubbish"},
                                                     {"revoked:all", "1795437000.5"}};
    RevocationWriter writer(kSeed);
    for (const auto& [key, value] : keys) {
        set(writer, std::string_view(key).substr(RevocationWriter::kPrefix.size()), value);
    }
    std::map<std::string, std::string> seen;
    writer.for_each([&](const KnownEntry& entry) { seen.emplace(entry.key, entry.value); });
    EXPECT_EQ(seen, keys);
    EXPECT_EQ(writer.commit().size(), 4U);
}

}  // namespace
}  // namespace gw::state
