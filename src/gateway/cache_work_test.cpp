// What a request leaves in the cache, and what an answer does to what is there.
#include "gateway/cache_work.hpp"

#include <gtest/gtest.h>

#include "gateway/exchange_test_support.hpp"
#include "http/date.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

using std::chrono::seconds;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

// Of what is shared between gateways only what is taken away is looked at.
class Others final : public SharedAnswers {
  public:
    [[nodiscard]] bool open(Instant) const override { return false; }
    void ask(SharedPlace, std::string, Told) override {}
    void waited_in_vain(Instant) override {}
    void keep(SharedPlace, StoredPtr, Instant) override {}
    void release(SharedPlace) override {}
    void take_out(SharedPlace, StoredPtr) override { ++taken_out; }
    void forget(std::string, std::string) override { ++forgotten; }

    int taken_out = 0;
    int forgotten = 0;
};

struct Flight {
    Flight(const std::string& text, Shard& shard)
        : stream(text), memory(shard.memory()), x(stream, shard, *memory) {}
    ScriptedStream stream;
    http::Borrowed<ExchangeMemory> memory;
    Exchange x;
};

class Work : public testing::Test {
  protected:
    Work() { pass(std::chrono::hours(500'000)); }

    // Nobody turns this loop: its clock stands where the test puts it.
    void pass(Instant::duration time) {
        Clock& clock = const_cast<Clock&>(fixture_.loop.clock());
        clock.now += time;
        clock.wall += std::chrono::duration_cast<WallTime::duration>(time);
    }
    std::unique_ptr<Flight> begin(const std::string& fields = "", const char* method = "GET") {
        auto flight = std::make_unique<Flight>(
            std::string(method) + " " + target_ + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n",
            fixture_.shard);
        Exchange& x = flight->x;
        x.route = route_.get();
        x.service_index = 0;
        x.path = x.head().path;
        x.upstream_began = fixture_.loop.now();
        x.identity = caller_;
        x.cache.emplace(cache_, options_, &others_);
        EXPECT_TRUE(x.cache->begin(x));
        return flight;
    }
    // Asks the service. False: it need not be.
    static bool asks(Flight& flight) {
        Exchange& x = flight.x;
        if (x.cache->look_up(x) == CacheWork::Found::serve) {
            return false;
        }
        [[maybe_unused]] const auto role = x.cache->take_role(x, nullptr);
        return true;
    }
    http::ResponseHead head(int status, const Fields& fields) {
        http::ResponseHead out;
        out.status = status;
        out.framing = status == 304 ? http::Framing::none : http::Framing::chunked;
        for (const auto& [name, value] : fields) {
            EXPECT_TRUE(out.headers.add(name, value));
        }
        return out;
    }
    // What the service answers. Its Cache-Status.
    std::string answers(Flight& flight, int status, const Fields& fields,
                        std::string_view body = "") {
        Exchange& x = flight.x;
        http::ResponseHead said = head(status, fields);
        if (!x.cache->judge(x, said)) {
            x.cache->take_head(x, said);
            const std::string told(x.cache->status(x));
            x.cache->take_body(x, {body, true});
            return told;
        }
        return std::string(x.cache->status(x));
    }
    std::string fetched(const std::string& request, int status, const Fields& fields,
                        std::string_view body = "body") {
        const auto flight = begin(request);
        EXPECT_TRUE(asks(*flight));
        return answers(*flight, status, fields, body);
    }
    // A fetch behind a request that is given what is stale. Null: there is one already.
    std::unique_ptr<Flight> refresh() {
        const auto hit = begin();
        EXPECT_EQ(hit->x.cache->look_up(hit->x), CacheWork::Found::serve_and_refresh);
        auto behind = begin();
        return behind->x.cache->take_over(hit->x, behind->x) ? std::move(behind) : nullptr;
    }
    // "" if the service is to be asked.
    std::string given(const std::string& request = "") {
        const auto flight = begin(request);
        return asks(*flight) ? "" : *flight->x.cache->serves()->body;
    }
    [[nodiscard]] bool has(const std::string& request = "") {
        const auto flight = begin(request);
        [[maybe_unused]] const auto found = flight->x.cache->look_up(flight->x);
        return flight->x.cache->stored() != nullptr;
    }

    std::unique_ptr<Route> route_ = prefix_route("/**");
    ShardFixture fixture_{{}};
    AnswerCache cache_{8'000'000};
    Others others_;
    CacheOptions options_;
    std::string target_ = "/a";
    std::shared_ptr<const identity::Identity> caller_;
};

TEST_F(Work, AnAnswerThatStillHoldsIsFreshAgain) {
    fetched("", 200, {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}});
    pass(seconds(20));
    EXPECT_EQ(fetched("", 304, {{"ETag", "\"a\""}}),
              "api-gateway; fwd=stale; fwd-status=304; stored");
    EXPECT_EQ(given(), "body");
}

TEST_F(Work, WhoHasWhatIsFetchedIsToldSoAndOthersAreGivenIt) {
    const Fields fields = {{"Cache-Control", "max-age=10"},
                           {"ETag", "\"a\""},
                           {"Content-Type", "text/plain"},
                           {"Content-Location", "/b"}};
    const auto flight = begin("If-None-Match: \"b\", W/\"a\"\r\n");
    EXPECT_TRUE(asks(*flight));
    http::ResponseHead said = head(200, fields);
    CacheWork& work = *flight->x.cache;
    EXPECT_FALSE(work.judge(flight->x, said));
    work.has_all();
    work.take_head(flight->x, said);
    EXPECT_TRUE(work.unchanged());
    EXPECT_EQ(said.status, 304);
    EXPECT_EQ(said.framing, http::Framing::none);
    EXPECT_FALSE(said.headers.has(http::Known::content_type));
    EXPECT_NE(http::find_field(said.headers, "content-location"), nullptr);
    EXPECT_EQ(work.status(flight->x), "api-gateway; fwd=miss; fwd-status=200; stored");
    work.take_body(flight->x, {"body", true});
    EXPECT_EQ(given(), "body");
}

TEST_F(Work, WhoHasSomethingElseOrWhatIsNotKeptIsGivenTheWhole) {
    EXPECT_EQ(fetched("If-None-Match: \"b\"\r\n", 200,
                      {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}}),
              "api-gateway; fwd=miss; stored");
    pass(seconds(20));
    EXPECT_EQ(fetched("If-None-Match: \"c\"\r\n", 200,
                      {{"Cache-Control", "no-store"}, {"ETag", "\"c\""}}),
              "api-gateway; fwd=stale");
}

TEST_F(Work, OneThatHoldsAndHasNoDateIsOfTheTimeWhenItCame) {
    fetched("", 200,
            {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}, {"Date", fixture_.shard.date()}});
    pass(seconds(20));
    fetched("", 304, {{"ETag", "\"a\""}});
    EXPECT_EQ(given(), "body");
    pass(seconds(11));
    EXPECT_EQ(given(), "");
}

TEST_F(Work, OneThatNowVariesIsGivenToWhoeverAsksTheSame) {
    fetched("Accept-Language: de\r\n", 200, {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}});
    pass(seconds(20));
    fetched("Accept-Language: de\r\n", 304, {{"ETag", "\"a\""}, {"Vary", "Accept-Language"}});
    EXPECT_EQ(given("Accept-Language: de\r\n"), "body");
    EXPECT_EQ(given("Accept-Language: en\r\n"), "");
}

TEST_F(Work, WhatOneRequestMayNotLeaveBehindTakesNothingFromOthers) {
    options_.ttl_s = 10;
    for (const char* request :
         {"Cookie: a=b\r\n", "Cache-Control: no-store\r\n", "Authorization: Basic YTpi\r\n"}) {
        fetched("", 200, {{"ETag", "\"a\""}});
        pass(seconds(20));
        EXPECT_EQ(fetched(request, 304, {{"ETag", "\"a\""}}),
                  "api-gateway; fwd=stale; fwd-status=304")
            << request;
        EXPECT_TRUE(has()) << request;
        EXPECT_EQ(given(), "") << request << "it is not made fresh either";
        pass(seconds(20));
    }
    EXPECT_EQ(others_.forgotten + others_.taken_out, 0);
}

TEST_F(Work, WhatTheServiceNowForbidsToKeepGoesAndNothingElseDoes) {
    fetched("", 200, {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}});
    pass(seconds(20));
    fetched("", 304, {{"ETag", "\"a\""}, {"Cache-Control", "no-store"}});
    EXPECT_FALSE(has());
    EXPECT_EQ(others_.taken_out, 1);
    EXPECT_EQ(others_.forgotten, 0);
}

TEST_F(Work, OnlyAGoodAnswerToHeadSaysThatAnotherOneIsThere) {
    const auto heads = [&](int status, const Fields& fields) {
        const auto flight = begin("If-None-Match: \"b\"\r\n", "HEAD");
        EXPECT_TRUE(asks(*flight));
        answers(*flight, status, fields);
    };
    fetched("", 200, {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}});
    pass(seconds(20));
    heads(304, {{"ETag", "\"b\""}});
    heads(404, {});
    heads(503, {});
    EXPECT_TRUE(has());
    heads(200, {{"ETag", "\"b\""}});
    EXPECT_FALSE(has());
    EXPECT_EQ(others_.taken_out, 1);
    EXPECT_EQ(others_.forgotten, 0);
}

TEST_F(Work, WhatAClientAsksForAnewIsOfTheRequest) {
    fetched("", 200, {{"Cache-Control", "max-age=60"}, {"ETag", "\"a\""}});
    EXPECT_EQ(fetched("Cache-Control: no-cache\r\n", 304, {{"ETag", "\"a\""}}),
              "api-gateway; fwd=request; fwd-status=304; stored");
}

TEST_F(Work, WhatIsGivenWhereTheServiceFailsWasAskedForAtTheService) {
    options_.stale_if_error_s = 60;
    fetched("", 200, {{"Cache-Control", "max-age=10"}});
    pass(seconds(20));
    EXPECT_EQ(fetched("", 503, {}), "api-gateway; fwd=stale; detail=stale-if-error");
}

TEST_F(Work, AFailureSaysNothingOfTheNextAnswer) {
    for (const auto& [status, passes] : {std::pair(503, false), std::pair(404, true)}) {
        fetched("", status, {});
        const auto first = begin();
        EXPECT_TRUE(asks(*first));
        const auto second = begin();
        [[maybe_unused]] const auto found = second->x.cache->look_up(second->x);
        EXPECT_EQ(second->x.cache->take_role(second->x, nullptr),
                  passes ? CacheWork::Role::passes : CacheWork::Role::waits)
            << status;
    }
}

TEST_F(Work, AConditionGoesToTheServiceWhereTheAnswerWillNotBeKept) {
    const auto sent = [&] {
        const auto flight = begin("If-None-Match: \"a\"\r\n");
        EXPECT_TRUE(asks(*flight));
        http::Headers out;
        EXPECT_TRUE(out.add("If-None-Match", "\"a\""));
        flight->x.cache->amend_request(out);
        return http::find_field(out, "if-none-match") != nullptr;
    };
    EXPECT_FALSE(sent()) << "what is kept has to come whole";
    fetched("", 200, {{"Cache-Control", "no-store"}});
    EXPECT_TRUE(sent());
    // A 304 to it does not say that it is still so.
    pass(seconds(9));
    fetched("If-None-Match: \"a\"\r\n", 304, {{"ETag", "\"a\""}});
    pass(seconds(2));
    EXPECT_FALSE(sent());
}

TEST_F(Work, WhatTheCacheHasNoRoomForIsNotSaidToBeKept) {
    cache_.set_most(80'000);  // 10,000 for one
    const std::string large(9'900, 'x');
    const auto flight = begin();
    EXPECT_TRUE(asks(*flight));
    http::ResponseHead said = head(200, {{"Cache-Control", "max-age=60"}});
    said.framing = http::Framing::length;
    said.content_length = large.size();
    flight->x.cache->take_head(flight->x, said);
    EXPECT_EQ(flight->x.cache->status(flight->x), "api-gateway; fwd=miss");
    const auto next = begin();
    EXPECT_TRUE(asks(*next));
    const auto last = begin();
    EXPECT_TRUE(asks(*last));
    EXPECT_FALSE(last->x.cache->fills());
    EXPECT_EQ(last->x.cache->take_role(last->x, nullptr), CacheWork::Role::passes);
}

// As the token of one with that role says it.
std::shared_ptr<const identity::Identity> holding(std::string holdings) {
    auto caller = std::make_shared<identity::Identity>();
    caller->tenant = "t1";
    caller->role = "venue-manager";
    caller->subject = "u1";
    caller->holdings = std::move(holdings);
    return caller;
}

TEST_F(Work, WhatTheServiceAnswersInsteadAndMayNotBeKeptTakesTheOldOneAway) {
    options_.stale_while_revalidate_s = 3'600;
    const std::vector<std::pair<int, Fields>> answers_instead = {
        {404, {}}, {410, {}}, {403, {}}, {200, {{"Cache-Control", "no-store"}}}};
    int taken_out = 0;
    for (const auto& [status, fields] : answers_instead) {
        fetched("", 200, {{"Cache-Control", "max-age=1"}});
        pass(seconds(10));
        const auto behind = refresh();
        ASSERT_NE(behind, nullptr);
        answers(*behind, status, fields);
        EXPECT_FALSE(has()) << status;
        EXPECT_EQ(others_.taken_out, ++taken_out) << status;
    }
    EXPECT_EQ(others_.forgotten, 0);
}

TEST_F(Work, WhatWasGoneIsNotBackWhereTheServiceFails) {
    options_.stale_if_error_s = 60;
    fetched("", 200, {{"Cache-Control", "max-age=10"}});
    pass(seconds(20));
    EXPECT_EQ(fetched("", 404, {}), "api-gateway; fwd=stale");
    EXPECT_EQ(fetched("", 503, {}), "api-gateway; fwd=miss");
}

TEST_F(Work, FailuresAndWhatIsForOneRequestAloneTakeNothingAway) {
    options_.ttl_s = 10;
    fetched("", 200, {});
    pass(seconds(20));
    for (const int status : {500, 503, 408, 425, 429, 400, 401, 406, 431}) {
        fetched("", status, {});
        EXPECT_TRUE(has()) << status;
    }
    for (const char* request : {"Cookie: a=b\r\n", "Cache-Control: no-store\r\n"}) {
        fetched(request, 200, {}, "another");
        EXPECT_TRUE(has()) << request;
    }
    EXPECT_EQ(others_.taken_out, 0);
    // What another request would not be given either is another matter.
    fetched("Cache-Control: no-store\r\n", 404, {});
    EXPECT_FALSE(has());
}

TEST_F(Work, WhatHasNoRoomTakesTheOldOneAway) {
    options_.body_bytes_max = 4;
    for (const http::Framing framing : {http::Framing::length, http::Framing::chunked}) {
        fetched("", 200, {{"Cache-Control", "max-age=10"}});
        pass(seconds(20));
        const auto flight = begin();
        EXPECT_TRUE(asks(*flight));
        http::ResponseHead said = head(200, {{"Cache-Control", "max-age=10"}});
        said.framing = framing;
        said.content_length = framing == http::Framing::length ? 5 : 0;
        EXPECT_FALSE(flight->x.cache->judge(flight->x, said));
        flight->x.cache->take_head(flight->x, said);
        flight->x.cache->take_body(flight->x, {"large", true});
        EXPECT_FALSE(has());
    }
}

TEST_F(Work, OneFetchBehindIsEnoughForAllWhoAreGivenTheOldOne) {
    options_.stale_while_revalidate_s = 3'600;
    fetched("", 200, {{"Cache-Control", "max-age=1"}}, "old");
    pass(seconds(10));
    const auto behind = refresh();
    ASSERT_NE(behind, nullptr);
    EXPECT_EQ(refresh(), nullptr);
    pass(AnswerCache::kOverdue + seconds(1));
    EXPECT_EQ(refresh(), nullptr) << "a slow service is not asked more often";
    answers(*behind, 200, {{"Cache-Control", "max-age=60"}}, "new");
    EXPECT_EQ(given(), "new");
}

TEST_F(Work, WhatIsAnotherTenantsNowIsNotKeptForTheOneWhoHadIt) {
    caller_ = holding("");
    const std::string token = "Authorization: Bearer x\r\n";
    const std::vector<Fields> owners = {
        {{"X-Resource-Tenant", "t2"}},
        {{"X-Resource-Tenant", "t1"}, {"X-Resource-Tenant", "t2"}, {"ETag", "\"a\""}}};
    for (const Fields& said_of : owners) {
        for (const int status : {103, 200, 304, 404}) {
            fetched(token, 200, {{"Cache-Control", "public, max-age=1"}, {"ETag", "\"a\""}});
            pass(seconds(10));
            ASSERT_TRUE(has(token));
            const auto flight = begin(token);
            EXPECT_TRUE(asks(*flight));
            EXPECT_FALSE(flight->x.cache->judge(flight->x, head(status, said_of))) << status;
            EXPECT_EQ(flight->x.cache->serves(), nullptr) << status;
            EXPECT_FALSE(has(token)) << status;
        }
    }
    fetched(token, 200, {{"Cache-Control", "public, max-age=1"}, {"ETag", "\"a\""}});
    pass(seconds(10));
    EXPECT_EQ(fetched(token, 304, {{"X-Resource-Tenant", "t1"}, {"ETag", "\"a\""}}),
              "api-gateway; fwd=stale; fwd-status=304; stored");
}

TEST_F(Work, WhoseTokenGivesOtherVenuesOrPermissionsIsGivenNothingOfIt) {
    const std::string token = "Authorization: Bearer x\r\n";
    options_.ttl_s = 60;
    for (const Share share : {Share::tenant, Share::user}) {
        options_.share = share;
        caller_ = holding("aa");
        fetched(token, 200, {}, "of aa");
        for (const char* other : {"", "bb"}) {
            caller_ = holding(other);
            EXPECT_EQ(given(token), "") << other;
        }
        caller_ = holding("aa");
        EXPECT_EQ(given(token), "of aa");
    }
}

TEST_F(Work, AParameterMayBeListedWithItsBrackets) {
    options_.query = {"filter[city]", "ids[]"};
    const std::vector<std::pair<std::string, std::string>> different = {
        {"/a?filter[city]=Paris", "/a?filter[city]=Oslo"},
        {"/a?ids[]=1", "/a?ids%5B%5D=2"},
        {"/b", "/b?filter%5Bcity%5D=Oslo"}};
    for (const auto& [one, other] : different) {
        target_ = one;
        fetched("", 200, {{"Cache-Control", "max-age=60"}}, one);
        target_ = other;
        EXPECT_EQ(given(), "") << other;
        target_ = one + (one.find('?') == std::string::npos ? "?" : "&") + "utm=1";
        EXPECT_EQ(given(), one);
    }
}

TEST_F(Work, HoweverANameIsSpelledThatSomebodyMightReadItIsNotItsAbsence) {
    options_.query = {"page", "page_size"};
    for (const char* spelled :
         {"%20page=2", "+page=3", "page+=3", "x=1;page=4", "PAGE=5", "page%00=6", "%00page=6",
          "pa%2567e=7", "page%09=8", "page.size=9", "page[size=9", "Page_Size[]=9"}) {
        target_ = std::string("/a?") + spelled;
        fetched("", 200, {{"Cache-Control", "max-age=60"}}, "planted");
        EXPECT_EQ(given(), "planted") << spelled;
        target_ = "/a";
        EXPECT_EQ(given(), "") << spelled;
    }
    target_ = "/b?utm.source=1&q=%20a%3B%25";
    fetched("", 200, {{"Cache-Control", "max-age=60"}}, "plain");
    target_ = "/b";
    EXPECT_EQ(given(), "plain");
}

}  // namespace
}  // namespace gw::gateway
