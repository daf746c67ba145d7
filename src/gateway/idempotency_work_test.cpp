#include "gateway/idempotency_work.hpp"

#include <gtest/gtest.h>

#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

// Says yes to each claim, and remembers what it is told.
class Noted final : public IdempotencyStore {
  public:
    void claim(ClaimPlace, std::string, Millis, Instant, Answered) override {}
    void renew(ClaimPlace, std::string claim, Millis ttl) override {
        renewed.emplace_back(std::move(claim), ttl);
    }
    void keep(ClaimPlace, std::string, std::string value, Millis) override {
        kept.push_back(std::move(value));
    }
    void release(ClaimPlace, std::string claim) override { released.push_back(std::move(claim)); }
    void went_unguarded(std::string, Unclaimed) override {}

    std::vector<std::pair<std::string, Millis>> renewed;
    std::vector<std::string> kept;
    std::vector<std::string> released;
};

class IdempotencyWorkTest : public testing::Test {
  protected:
    // The route's time is ten seconds, see prefix_route().
    IdempotencyWorkTest() {
        routes_.push_back(prefix_route("/**"));
        x_.route = routes_.front().get();
    }

    std::vector<std::unique_ptr<Route>> routes_;
    ShardFixture fixture_{{}};
    ScriptedStream stream_{"POST /a HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\n\r\n"};
    ExchangeMemory memory_;
    Exchange x_{stream_, fixture_.shard, memory_};
    Noted store_;
    IdempotencyOptions options_;
    Instant now_ = fixture_.loop.now();
};

TEST_F(IdempotencyWorkTest, NoTwoRequestsHaveTheSameClaim) {
    const IdempotencyWork one(x_, store_, options_);
    const IdempotencyWork other(x_, store_, options_);
    EXPECT_EQ(one.place().key, other.place().key);
    EXPECT_NE(one.claim(), other.claim());
}

TEST_F(IdempotencyWorkTest, AnAnswerThatIsStillComingRenewsItsClaim) {
    IdempotencyWork work(x_, store_, options_);
    ASSERT_TRUE(work.claimed(x_, {.mine = true}).goes_on());
    work.renew(now_ + Millis{9'000}, Millis{10'000});
    EXPECT_TRUE(store_.renewed.empty());  // it holds for long enough
    work.renew(now_ + Millis{11'000}, Millis{10'000});
    ASSERT_EQ(store_.renewed.size(), 1U);
    EXPECT_EQ(store_.renewed[0].first, work.claim());
    EXPECT_EQ(store_.renewed[0].second, IdempotencyWork::claim_time(Millis{10'000}));
    // Events may be far apart.
    work.renew(now_ + Millis{12'000}, Millis{600'000});
    ASSERT_EQ(store_.renewed.size(), 2U);
    EXPECT_EQ(store_.renewed[1].second, IdempotencyWork::claim_time(Millis{600'000}));
}

TEST_F(IdempotencyWorkTest, WhoseClaimItIsNotRenewsAndReleasesNothing) {
    {
        IdempotencyWork work(x_, store_, options_);
        const std::string others = work.claim();
        ASSERT_FALSE(work.claimed(x_, {.value = others}).goes_on());
        work.renew(now_ + Millis{60'000}, Millis{10'000});
    }
    EXPECT_TRUE(store_.renewed.empty());
    EXPECT_TRUE(store_.released.empty());
}

TEST_F(IdempotencyWorkTest, ARequestThatFailsGivesUpItsOwnClaim) {
    std::string claim;
    {
        IdempotencyWork work(x_, store_, options_);
        claim = work.claim();
        ASSERT_TRUE(work.claimed(x_, {.mine = true}).goes_on());
    }
    EXPECT_EQ(store_.released, std::vector{claim});
}

TEST_F(IdempotencyWorkTest, WhatWasDoneStaysDoneWhereItsAnswerIsWithheld) {
    IdempotencyWork work(x_, store_, options_);
    ASSERT_TRUE(work.claimed(x_, {.mine = true}).goes_on());
    work.withheld(503);  // may be tried again
    EXPECT_TRUE(store_.kept.empty());
    work.withheld(200);
    ASSERT_EQ(store_.kept.size(), 1U);
    IdempotencyWork again(x_, store_, options_);
    const Verdict verdict = again.claimed(x_, {.value = store_.kept[0]});
    ASSERT_FALSE(verdict.goes_on());
    EXPECT_EQ(verdict.code(), Code::not_found);
    EXPECT_TRUE(store_.released.empty());
}

TEST_F(IdempotencyWorkTest, TheVersionThatAnsweredFirstIsKept) {
    x_.version_field = "X-Version";
    x_.service_index = 0;
    IdempotencyWork work(x_, store_, options_);
    ASSERT_TRUE(work.claimed(x_, {.mine = true}).goes_on());
    http::ResponseHead head;
    head.status = 201;
    ASSERT_TRUE(head.headers.add("x-version", "the service's own"));
    work.take_head(x_, head);
    work.take_body({"done", true});
    ASSERT_EQ(store_.kept.size(), 1U);
    const auto record = read_idempotency(store_.kept[0]);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->answer.fields.size(), 1U);
    EXPECT_EQ(record->answer.value("X-Version"), "event-service");
}

}  // namespace
}  // namespace gw::gateway
