#include "identity/key_set.hpp"

#include <gtest/gtest.h>

namespace gw::identity {
namespace {

constexpr const char* kX = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

std::string jwk(const std::string& more = "") {
    return std::string(R"({"kty":"OKP","crv":"Ed25519","x":")") + kX + '"' + more + '}';
}
std::string set_of(const std::string& keys) {
    return R"({"keys":[)" + keys + "]}";
}

TEST(KeySet, WhatIsNoSetIsNothing) {
    for (const std::string& text :
         {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
          std::string(R"({"keys":{}})"), std::string(R"({"keys":null})"), set_of("") + "x",
          set_of(jwk()).substr(1), "{\"keys\":" + std::string(10'000, '[')}) {
        std::vector<SkippedKey> skipped;
        EXPECT_FALSE(parse_key_set(text, skipped)) << text.substr(0, 100);
    }
}

TEST(KeySet, KeysThatCannotBeUsedAreLeftOutAndNamed) {
    std::vector<SkippedKey> skipped;
    const auto keys = parse_key_set(
        set_of(jwk(R"(,"kid":"a")") + R"(,7,{"kty":"oct","k":"AAAA","kid":"o"},)" +
               jwk(R"(,"kid":"e","use":"enc")") + ',' + jwk(R"(,"kid":"p","d":"AA")")),
        skipped);
    ASSERT_TRUE(keys);
    ASSERT_EQ(keys->size(), 1);
    EXPECT_EQ(keys->front().kid(), "a");
    ASSERT_EQ(skipped.size(), 4);
    EXPECT_EQ(skipped[0].name, "(no kid)");
    EXPECT_EQ(skipped[1].name, "o");
    EXPECT_EQ(skipped[2].name, "e");
    EXPECT_EQ(skipped[3].name, "p");
}

TEST(KeySet, ALongSetCostsLittle) {
    std::string good = jwk();
    std::string bad = "1";
    for (int i = 0; i < 999; ++i) {
        good += ',' + jwk();
        bad += ",1";
    }
    for (const std::string& list : {good, bad}) {
        std::vector<SkippedKey> skipped;
        const auto keys = parse_key_set(set_of(list), skipped);
        ASSERT_TRUE(keys);
        EXPECT_LE(keys->size(), 64);
        EXPECT_LE(skipped.size(), 65);
    }
}

TEST(KeySet, AnIdChoosesItsKeysAndThoseWithoutOne) {
    std::vector<SkippedKey> skipped;
    const KeySet keys(*parse_key_set(set_of(jwk(R"(,"kid":"a")") + ',' + jwk(R"(,"kid":"a")") +
                                            ',' + jwk(R"(,"kid":"b")") + ',' + jwk()),
                                     skipped));
    const auto count = [&](std::optional<std::string_view> kid, Algorithm algorithm) {
        int tried = 0;
        keys.candidates(kid, algorithm, [&](const Key&) { return ++tried == 0; });
        return tried;
    };
    EXPECT_EQ(count("a", Algorithm::eddsa), 3) << "two of one id are both tried";
    EXPECT_EQ(count("b", Algorithm::eddsa), 2);
    EXPECT_EQ(count("c", Algorithm::eddsa), 1);
    EXPECT_EQ(count(std::nullopt, Algorithm::eddsa), 4);
    EXPECT_EQ(count("a", Algorithm::hs256), 0);
    EXPECT_TRUE(keys.knows("b"));
    EXPECT_FALSE(keys.knows("c"));
}

}  // namespace
}  // namespace gw::identity
