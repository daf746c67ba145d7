#include "security/signed_webhook.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gw::security {
namespace {

using std::chrono::seconds;
using V = WebhookVerdict;

// Of Python's hmac: HMAC-SHA256 with "whsec" over "1700000000.{"id":1}", and over {"id":1} alone.
constexpr std::string_view kBody = R"({"id":1})";
constexpr std::string_view kTimed =
    "e79220cb981f992adbc8b93ac6d46028b0217ea19327d27dc9d18bf334403bde";
constexpr std::string_view kPlain =
    "cc2f1f736275a85762c723f8a3c29fbecbb7c1427ad1ddbe14589ad49036a629";
constexpr std::string_view kPlainBase64 = "zC8fc2J1qFdixyP4o8Kfvsu3wUJ60d2+FFia1JA2pik=";
const WallTime kNow{seconds{1'700'000'100}};

V stripe(const std::string& text, std::string_view secrets = "whsec", std::string_view body = kBody,
         WallTime now = kNow) {
    const auto claim = read_stripe_signature(text);
    return claim ? webhook_is_signed(secrets, *claim, body, now, seconds{300}) : V::malformed;
}

TEST(SignedWebhook, OfStripeIsTimeAndOneOfSeveral) {
    const std::string good = "t=1700000000,v1=" + std::string(kTimed);
    EXPECT_EQ(stripe(good), V::good);
    EXPECT_EQ(
        stripe("t=1700000000,v1=" + std::string(64, '0') + ",v1=" + std::string(kTimed) + ",v0=x"),
        V::good);
    EXPECT_EQ(stripe(good, "other,whsec"), V::good);
    EXPECT_EQ(stripe(good, "other"), V::wrong);
    EXPECT_EQ(stripe(good, "whsec", R"({"id":2})"), V::wrong);
    EXPECT_EQ(stripe("t=1700000001,v1=" + std::string(kTimed)), V::wrong);
    EXPECT_EQ(stripe("t=1700000000,v0=" + std::string(kTimed)), V::malformed);
    EXPECT_EQ(stripe("v1=" + std::string(kTimed)), V::malformed);
    EXPECT_EQ(stripe("t=1700000000,t=1,v1=" + std::string(kTimed)), V::malformed);
    EXPECT_EQ(stripe("t=soon,v1=" + std::string(kTimed)), V::malformed);
    EXPECT_EQ(stripe("t=-1,v1=" + std::string(kTimed)), V::malformed);
    EXPECT_EQ(stripe("t=99999999999999999999,v1=" + std::string(kTimed)), V::malformed);
    EXPECT_EQ(stripe(""), V::malformed);
}

TEST(SignedWebhook, HoldsForAsLongAsItMay) {
    const std::string good = "t=1700000000,v1=" + std::string(kTimed);
    const auto at = [&](std::int64_t second) {
        return stripe(good, "whsec", kBody, WallTime{seconds{second}});
    };
    EXPECT_EQ(at(1'700'000'300), V::good);
    EXPECT_EQ(at(1'700'000'301), V::stale);
    EXPECT_EQ(at(1'699'999'700), V::good);
    EXPECT_EQ(at(1'699'999'699), V::stale);
}

TEST(SignedWebhook, OfTheBodyAloneIsHexadecimalOrBase64) {
    const auto plain = [](std::string_view signature) {
        return webhook_is_signed("whsec", {.timestamp = {}, .signatures = signature}, kBody, kNow,
                                 seconds{300});
    };
    EXPECT_EQ(plain(kPlain), V::good);
    EXPECT_EQ(plain(kPlainBase64), V::good);
    EXPECT_EQ(plain(kTimed), V::wrong);
    for (const std::string& none :
         {std::string(), std::string("x"), std::string(64, 'g'), std::string(63, '0'),
          std::string(44, 'A'), std::string(43, '!') + "=", std::string(kPlain) + "0"}) {
        EXPECT_EQ(plain(none), V::malformed) << none;
    }
}

}  // namespace
}  // namespace gw::security
