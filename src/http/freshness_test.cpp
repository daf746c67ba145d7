#include "http/freshness.hpp"

#include <gtest/gtest.h>

#include "http/validators.hpp"

namespace gw::http {
namespace {

using std::chrono::seconds;

// Mon, 23 Nov 2026 07:00:00 GMT
const WallTime kNow{seconds{1'795'417'200}};
constexpr std::string_view kDate = "Mon, 23 Nov 2026 07:00:00 GMT";

ResponseHead answer(std::initializer_list<std::pair<std::string_view, std::string_view>> fields,
                    int status = 200) {
    ResponseHead head;
    head.status = status;
    for (const auto& [name, value] : fields) {
        EXPECT_TRUE(head.headers.add(name, value));
    }
    return head;
}

std::optional<Freshness> kept(const ResponseHead& head, const CacheRules& rules = {},
                              const Asked& asked = {}) {
    return freshness_of(asked, head, rules, {}, kNow);
}

seconds lifetime(const ResponseHead& head, const CacheRules& rules = {}) {
    const auto found = kept(head, rules);
    return found ? found->lifetime : seconds{-1};
}

CacheControl asked(std::string_view text) {
    CacheControl out;
    parse_cache_control(text, out);
    return out;
}

TEST(Freshness, WhatTheServiceSaysComesBeforeTheOperator) {
    const CacheRules rules{.ttl = seconds{600}};
    EXPECT_EQ(lifetime(answer({}), rules), seconds(600));
    EXPECT_EQ(lifetime(answer({{"Cache-Control", "max-age=5"}}), rules), seconds(5));
    EXPECT_EQ(lifetime(answer({{"Cache-Control", "max-age=5, s-maxage=9"}}), rules), seconds(9));
    EXPECT_EQ(
        lifetime(answer({{"Date", kDate}, {"Expires", "Mon, 23 Nov 2026 07:00:30 GMT"}}), rules),
        seconds(30));
    EXPECT_EQ(lifetime(answer({{"Expires", "0"}}), rules), seconds(-1));
    EXPECT_EQ(lifetime(answer({{"Cache-Control", "no-cache"}}), rules), seconds(-1));
    EXPECT_EQ(lifetime(answer({}, 404), rules), seconds(-1));
    EXPECT_EQ(lifetime(answer({{"Cache-Control", "max-age=5"}}, 404), rules), seconds(5));
}

TEST(Freshness, AFailureIsNotKeptWhateverItSays) {
    for (const int status : {500, 501, 502, 503, 504, 599}) {
        EXPECT_EQ(lifetime(answer({{"Cache-Control", "public, max-age=60"}}, status)), seconds(-1));
    }
    EXPECT_EQ(lifetime(answer({{"Cache-Control", "max-age=60"}}, 499)), seconds(60));
}

TEST(Freshness, SharedCachesKeepNothingThatIsForOne) {
    EXPECT_FALSE(kept(answer({{"Cache-Control", "private, max-age=60"}})));
    EXPECT_FALSE(kept(answer({{"Cache-Control", "no-store, max-age=60"}})));
    EXPECT_FALSE(kept(answer({{"Cache-Control", "max-age=60"}, {"Vary", "accept, *"}})));
    std::string many = "accept";
    for (int i = 0; i < 32; ++i) {
        many += ", x-" + std::to_string(i);
    }
    EXPECT_FALSE(kept(answer({{"Cache-Control", "max-age=60"}, {"Vary", many}})));
    EXPECT_FALSE(kept(answer({{"Cache-Control", "max-age=60"}, {"Set-Cookie", "a=b"}})));
    EXPECT_TRUE(kept(answer({{"Cache-Control", "private, max-age=60"}}), {.of_one = true}));
}

TEST(Freshness, AnswersToCredentialsAreSharedOnlyIfTheServiceSaysSo) {
    const Asked with{.credentials = true};
    const Asked verified{.credentials = true, .known_caller = true};
    EXPECT_FALSE(kept(answer({{"Cache-Control", "max-age=60"}}), {}, with));
    EXPECT_FALSE(kept(answer({{"Cache-Control", "max-age=60"}}), {.ttl = seconds{9}}, verified));
    for (const char* good : {"max-age=60, public", "s-maxage=60", "max-age=60, must-revalidate"}) {
        EXPECT_TRUE(kept(answer({{"Cache-Control", good}}), {}, with)) << good;
    }
    EXPECT_TRUE(kept(answer({}), {.ttl = seconds{9}}, verified));
    EXPECT_FALSE(kept(answer({}), {.ttl = seconds{9}}, with));
}

TEST(Freshness, WhatASilentServiceSaysToCookiesIsKeptForNobody) {
    const Asked with{.cookies = true};
    const CacheRules rules{.ttl = seconds{60}, .stale_if_error = seconds{60}, .heuristic = true};
    const auto tagged = [](std::string_view control) {
        return answer({{"ETag", "\"a\""},
                       {"Last-Modified", "Mon, 23 Nov 2026 06:50:00 GMT"},
                       {"Cache-Control", control}});
    };
    EXPECT_FALSE(kept(tagged(""), rules, with));
    EXPECT_TRUE(kept(tagged(""), rules));
    for (const char* said : {"max-age=60", "no-cache", "public", "max-age=0"}) {
        EXPECT_TRUE(kept(tagged(said), rules, with)) << said;
    }
}

TEST(Freshness, TheAgeIsTheLargerOfWhatIsSaidAndWhatIsSeen) {
    const auto said = kept(answer({{"Cache-Control", "max-age=60"}, {"Age", "7"}}));
    EXPECT_EQ(said->initial_age, seconds(7));
    for (const char* odd : {"7, 7", "70, 7", "-7", "7.0", "x", "7;a=b"}) {
        EXPECT_FALSE(kept(answer({{"Cache-Control", "max-age=60"}, {"Age", odd}}))) << odd;
    }
    const auto seen =
        kept(answer({{"Cache-Control", "max-age=60"}, {"Date", "Mon, 23 Nov 2026 06:59:40 GMT"}}));
    EXPECT_EQ(seen->initial_age, seconds(20));
    EXPECT_EQ(seen->age(std::chrono::seconds{5}), seconds(25));
}

TEST(Freshness, HeuristicsAreForWhoWantsThem) {
    const ResponseHead head =
        answer({{"Date", kDate}, {"Last-Modified", "Mon, 23 Nov 2026 06:50:00 GMT"}});
    EXPECT_EQ(lifetime(head, {.heuristic = true}), seconds(60));
    EXPECT_EQ(lifetime(head), seconds(0));  // kept, to be validated
}

TEST(Reuse, IsAsTheAnswerAndTheRequestSay) {
    const Freshness kept{.lifetime = seconds{60}};
    EXPECT_EQ(reuse_of(kept, seconds{59}, {}), Reuse::fresh);
    EXPECT_EQ(reuse_of(kept, seconds{60}, {}), Reuse::validate);
    EXPECT_EQ(reuse_of(kept, seconds{30}, asked("no-cache")), Reuse::validate);
    EXPECT_EQ(reuse_of(kept, seconds{30}, asked("max-age=30")), Reuse::validate);
    EXPECT_EQ(reuse_of(kept, seconds{30}, asked("min-fresh=31")), Reuse::validate);
    EXPECT_EQ(reuse_of(kept, seconds{30}, asked("min-fresh=30")), Reuse::fresh);
    EXPECT_EQ(reuse_of(kept, seconds{70}, asked("max-stale=10")), Reuse::fresh);
    EXPECT_EQ(reuse_of(kept, seconds{71}, asked("max-stale=10")), Reuse::validate);
    EXPECT_EQ(reuse_of(kept, seconds{900}, asked("max-stale")), Reuse::fresh);
}

TEST(Reuse, StaleIsServedOnlyWhereItMayBe) {
    Freshness kept{.lifetime = seconds{60},
                   .stale_while_revalidate = seconds{10},
                   .stale_if_error = seconds{20}};
    EXPECT_EQ(reuse_of(kept, seconds{69}, {}), Reuse::refresh);
    EXPECT_EQ(reuse_of(kept, seconds{70}, {}), Reuse::validate);
    EXPECT_TRUE(good_on_error(kept, seconds{79}));
    EXPECT_FALSE(good_on_error(kept, seconds{80}));
    kept.never_stale = true;
    EXPECT_EQ(reuse_of(kept, seconds{61}, asked("max-stale")), Reuse::validate);
    EXPECT_FALSE(good_on_error(kept, seconds{61}));
}

TEST(Validators, TagsAreComparedWeaklyAndBeforeDates) {
    const Validators kept{
        .etag = "\"a,b\"", .last_modified = "Mon, 23 Nov 2026 06:50:00 GMT", .date = {}};
    const auto unchanged = [&](std::string_view name, std::string_view value) {
        return not_modified(answer({{name, value}}).headers, kept, kNow);
    };
    EXPECT_TRUE(unchanged("If-None-Match", "\"x\", W/\"a,b\""));
    EXPECT_TRUE(unchanged("If-None-Match", "*"));
    EXPECT_FALSE(unchanged("If-None-Match", "\"a\", \"b\""));
    EXPECT_TRUE(unchanged("If-Modified-Since", "Mon, 23 Nov 2026 06:50:00 GMT"));
    EXPECT_FALSE(unchanged("If-Modified-Since", "Mon, 23 Nov 2026 06:49:59 GMT"));
    EXPECT_FALSE(not_modified(
        answer({{"If-None-Match", "\"z\""}, {"If-Modified-Since", "Mon, 23 Nov 2026 06:50:00 GMT"}})
            .headers,
        kept, kNow));
}

TEST(Range, OneThatCanBeGivenIsRead) {
    const auto is = [](std::string_view value, std::uint64_t from, std::uint64_t size) {
        const auto range = single_range(value, 10);
        return range && range->from == from && range->size == size;
    };
    EXPECT_TRUE(is("bytes=0-1", 0, 2));
    EXPECT_TRUE(is("bytes=1-", 1, 9));
    EXPECT_TRUE(is("bytes=-3", 7, 3));
    EXPECT_TRUE(is("bytes=-30", 0, 10));
    EXPECT_TRUE(is("Bytes=8-99", 8, 2));
    for (const char* odd : {"bytes=10-", "bytes=2-1", "bytes=-0", "bytes=0-1,3-4", "bytes=-",
                            "lines=0-1", "bytes=a-1", "bytes=1-a", "bytes="}) {
        EXPECT_FALSE(single_range(odd, 10).has_value()) << odd;
    }
    EXPECT_FALSE(single_range("bytes=0-", 0).has_value());
}

}  // namespace
}  // namespace gw::http
