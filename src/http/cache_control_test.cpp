#include "http/cache_control.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

using std::chrono::seconds;

CacheControl read(std::string_view value) {
    CacheControl out;
    parse_cache_control(value, out);
    return out;
}

TEST(CacheControl, DirectivesAreReadInAnyCaseAndWithQuotes) {
    const CacheControl cc = read("Public,  MAX-age=60 ,s-maxage=\"7\", must-revalidate");
    EXPECT_TRUE(cc.for_all);
    EXPECT_TRUE(cc.must_revalidate);
    EXPECT_EQ(cc.max_age, seconds(60));
    EXPECT_EQ(cc.s_maxage, seconds(7));
    EXPECT_FALSE(cc.no_store);
}

TEST(CacheControl, WhatStandsInQuotesIsNoDirective) {
    const CacheControl cc = read(R"(a="no-store, max-age=5 \" , private", max-age=9)");
    EXPECT_FALSE(cc.no_store);
    EXPECT_FALSE(cc.for_one);
    EXPECT_EQ(cc.max_age, seconds(9));
}

TEST(CacheControl, ATimeThatIsNoNumberIsZero) {
    for (const char* value : {"max-age=", "max-age=-1", "max-age=1.5", "max-age='60'", "max-age=6a",
                              "max-age", "max-age= 60"}) {
        EXPECT_EQ(read(value).max_age, seconds(0)) << value;
    }
    EXPECT_EQ(read("max-age=000060").max_age, seconds(60));
    EXPECT_EQ(read("max-age=99999999999999999999999").max_age, kDeltaSecondsMax);
}

TEST(CacheControl, TheFirstOfTwoCounts) {
    EXPECT_EQ(read("max-age=1, max-age=60").max_age, seconds(1));
}

TEST(CacheControl, OneThatNamesFieldsCountsAsAWhole) {
    const CacheControl cc = read(R"(no-cache="set-cookie", private="a,b")");
    EXPECT_TRUE(cc.no_cache);
    EXPECT_TRUE(cc.for_one);
}

TEST(CacheControl, MaxStaleMayHaveNoTime) {
    EXPECT_TRUE(read("max-stale").max_stale_any);
    EXPECT_EQ(read("max-stale=5").max_stale, seconds(5));
}

TEST(CacheControl, PragmaCountsForRequestsWithoutCacheControl) {
    Headers headers;
    ASSERT_TRUE(headers.add("Pragma", "no-cache"));
    EXPECT_TRUE(cache_control_of_request(headers).no_cache);
    EXPECT_FALSE(cache_control_of_answer(headers).no_cache);
    ASSERT_TRUE(headers.add("Cache-Control", "max-age=3"));
    EXPECT_FALSE(cache_control_of_request(headers).no_cache);
}

CacheControl of_answer(
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    Headers headers;
    for (const auto& [name, value] : fields) {
        EXPECT_TRUE(headers.add(name, value));
    }
    return cache_control_of_answer(headers);
}

TEST(SurrogateControl, WhatIsForAnotherIsNotForUs) {
    const CacheControl other =
        of_answer({{"Surrogate-Control", "max-age=60;somebody, no-store;somebody"}});
    EXPECT_FALSE(other.surrogate_max_age || other.no_store);
    const CacheControl both =
        of_answer({{"Surrogate-Control", "max-age=60, max-age=5;api-gateway"}});
    EXPECT_EQ(both.surrogate_max_age, std::chrono::seconds(5));
    EXPECT_EQ(of_answer({{"Surrogate-Control", "foo, MaX-aGe=60+30"}}).surrogate_max_age,
              std::chrono::seconds(60));
    EXPECT_EQ(of_answer({{"Surrogate-Control", "max-age=x"}}).surrogate_max_age,
              std::chrono::seconds(0));
    EXPECT_FALSE(of_answer({{"Surrogate-Control", "max-age =60"}}).surrogate_max_age);
}

TEST(SurrogateControl, UndoesNoStoreOnlyWhereItNamesUs) {
    EXPECT_TRUE(
        of_answer({{"Cache-Control", "no-store"}, {"Surrogate-Control", "max-age=60"}}).no_store);
    EXPECT_FALSE(of_answer({{"Cache-Control", "no-store, no-cache"},
                            {"Surrogate-Control", "max-age=60;api-gateway"}})
                     .no_store);
    const CacheControl one =
        of_answer({{"Cache-Control", "private"}, {"Surrogate-Control", "max-age=60;api-gateway"}});
    EXPECT_TRUE(one.for_one);
    EXPECT_TRUE(of_answer({{"Cache-Control", "max-age=60, must-understand"},
                           {"Surrogate-Control", "no-store"}})
                    .no_store);
}

}  // namespace
}  // namespace gw::http
