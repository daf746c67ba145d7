#include "identity/api_key.hpp"

#include <gtest/gtest.h>

namespace gw::identity {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

TEST(ApiKeyHash, IsTheSha256OfTheKey) {
    // FIPS 180-4, "abc".
    const std::string text =
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    EXPECT_EQ(ApiKeyHash::of("abc").to_string(), text);
    EXPECT_EQ(ApiKeyHash::parse(text).value(), ApiKeyHash::of("abc"));
}

TEST(ApiKeyHash, OfAKeyThatWasPutInItsPlaceIsNotShown) {
    const auto flaw = ApiKeyHash::parse("tt_secret");
    ASSERT_FALSE(flaw);
    EXPECT_EQ(flaw.error().what.find("secret"), std::string::npos);
}

TEST(ApiKeyEnd, IsAMomentThatExists) {
    EXPECT_EQ(ApiKeyEnd::parse("2027-01-15T08:00:00Z").value().at, kNow);
    EXPECT_FALSE(ApiKeyEnd::parse("").value().at);
    for (const char* text : {"2027-02-29T00:00:00Z", "2027-13-01T00:00:00Z", "2027-01-01T24:00:00Z",
                             "2027-01-01 00:00:00Z", "2027-01-01T00:00:00", "tomorrow",
                             "2027-0a-01T00:00:00Z", "2027-01-01T00:00:00+01:00"}) {
        EXPECT_FALSE(ApiKeyEnd::parse(text)) << text;
    }
}

TEST(ApiKeys, SayWhoseAKeyIs) {
    const ApiKeys keys({{"scanner",
                         {.hash = ApiKeyHash::of("tt_1"),
                          .tenant = "t1",
                          .venues = {"v1"},
                          .role = "scanner",
                          .permissions = {"tickets:scan"},
                          .expires = {}}}});
    const auto found = keys.find("tt_1", kNow);
    ASSERT_TRUE(found);
    EXPECT_EQ((*found)->subject, "api-key:scanner");
    EXPECT_EQ((*found)->tenant, "t1");
    EXPECT_EQ((*found)->venues, std::vector<std::string>{"v1"});
    EXPECT_TRUE((*found)->by_api_key);
    EXPECT_TRUE(keys.any_of_tenant("t1"));
    EXPECT_FALSE(keys.any_of_tenant("t2"));
    EXPECT_EQ(keys.find("tt_2", kNow).error(), TokenFault::api_key);
    EXPECT_EQ(keys.find("", kNow).error(), TokenFault::api_key);
    EXPECT_EQ(keys.find(std::string(10'000, 'x'), kNow).error(), TokenFault::api_key);
}

TEST(ApiKeys, StillGiveWhatTheySaidOfAKeyUntilItIsGoneOrEndedOrSaysSomethingElse) {
    const ApiKeyOptions key{.hash = ApiKeyHash::of("tt_1"),
                            .tenant = "t1",
                            .venues = {"v1"},
                            .role = "scanner",
                            .permissions = {"tickets:scan"},
                            .expires = {}};
    const auto caller = ApiKeys({{"scanner", key}}).find("tt_1", kNow).value();
    const auto still = [&](const char* name, auto change) {
        ApiKeyOptions changed = key;
        change(changed);
        return ApiKeys({{name, changed}}).still_give(*caller, kNow);
    };
    EXPECT_TRUE(still("scanner", [](ApiKeyOptions&) {}));
    EXPECT_TRUE(still("scanner", [](ApiKeyOptions& o) {
        o.expires = *ApiKeyEnd::parse("2027-01-15T08:00:01Z");
    }));
    EXPECT_FALSE(still("scanner", [](ApiKeyOptions& o) {
        o.expires = *ApiKeyEnd::parse("2027-01-15T08:00:00Z");
    }));
    EXPECT_FALSE(still("other", [](ApiKeyOptions&) {}));
    EXPECT_FALSE(still("scanner", [](ApiKeyOptions& o) { o.hash = ApiKeyHash::of("tt_2"); }));
    EXPECT_FALSE(still("scanner", [](ApiKeyOptions& o) { o.tenant = "t2"; }));
    EXPECT_FALSE(still("scanner", [](ApiKeyOptions& o) { o.role.clear(); }));
    EXPECT_FALSE(still("scanner", [](ApiKeyOptions& o) { o.permissions.clear(); }));
    EXPECT_FALSE(still("scanner", [](ApiKeyOptions& o) { o.venues.clear(); }));
    EXPECT_FALSE(ApiKeys().still_give(*caller, kNow));
}

TEST(ApiKeys, SayWhichMomentTheNextOfThemEndsAt) {
    const auto ending = [](const char* key, std::string_view end) {
        return ApiKeyOptions{.hash = ApiKeyHash::of(key),
                             .tenant = "t1",
                             .venues = {},
                             .role = {},
                             .permissions = {},
                             .expires = *ApiKeyEnd::parse(end)};
    };
    const ApiKeys keys({{"ended", ending("tt_1", "2027-01-15T08:00:00Z")},
                        {"later", ending("tt_2", "2027-01-15T08:00:09Z")},
                        {"next", ending("tt_3", "2027-01-15T08:00:02Z")},
                        {"never", ending("tt_4", "")}});
    EXPECT_EQ(keys.next_end(kNow), kNow + std::chrono::seconds(2));
    EXPECT_EQ(keys.next_end(kNow + std::chrono::seconds(2)), kNow + std::chrono::seconds(9));
    EXPECT_EQ(keys.next_end(kNow + std::chrono::seconds(9)), WallTime::max());
    EXPECT_EQ(ApiKeys().next_end(kNow), WallTime::max());
}

TEST(ApiKeys, End) {
    ApiKeyOptions key{.hash = ApiKeyHash::of("tt_1"),
                      .tenant = "t1",
                      .venues = {},
                      .role = {},
                      .permissions = {},
                      .expires = *ApiKeyEnd::parse("2027-01-15T08:00:00Z")};
    const ApiKeys keys({{"a", key}});
    EXPECT_TRUE(keys.find("tt_1", kNow - Millis(1)));
    EXPECT_EQ(keys.find("tt_1", kNow).error(), TokenFault::expired);
    EXPECT_TRUE(keys.knows("tt_1"));
    EXPECT_FALSE(keys.knows("tt_2"));
    const std::map<std::string, ApiKeyOptions> all{{"a", key}, {"b", ApiKeyOptions{}}};
    EXPECT_TRUE(ended_keys(all, kNow - Millis(1)).empty());
    EXPECT_EQ(ended_keys(all, kNow), std::vector<std::string_view>{"a"});
}

TEST(ApiKeys, TellServicesWhereTheTenantIsFrom) {
    for (const bool by_api_key : {true, false}) {
        Identity caller;
        caller.by_api_key = by_api_key;
        tell_services(caller);
        const http::Field& source = caller.fields.fields()[2];
        EXPECT_EQ(source.name, "X-Tenant-Source");
        EXPECT_EQ(source.value, by_api_key ? "api-key" : "jwt");
    }
}

TEST(NewApiKey, IsNeverTheSame) {
    EXPECT_NE(new_api_key(), new_api_key());
    EXPECT_EQ(new_api_key().size(), 46U);
}

}  // namespace
}  // namespace gw::identity
