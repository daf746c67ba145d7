// What a limit that adapts is told of attempts, however they end.
#include "gateway/turn.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

constexpr std::uint32_t kLimit = 64;
constexpr std::uint32_t kBegins = kLimit / 4;
constexpr Millis kTakes{10};

class Place final : public upstream::Waiter {
  private:
    void decided() override {}
};

class Attempts : public testing::Test {
  protected:
    Attempts() {
        pass(std::chrono::hours(1'000));
        std::vector<ServiceEntry> services(1);
        services[0].name = "event-service";
        services[0].options.bulkhead.adaptive = true;
        services[0].options.bulkhead.limit = kLimit;
        services[0].options.bulkhead.limit_min = 2;
        services[0].options.bulkhead.tenant_share_max = 100;
        fixture_.shard.adopt(
            std::make_shared<Site>(std::vector<std::unique_ptr<Route>>{}, std::move(services)));
        x_.emplace(stream_, fixture_.shard, *memory_);
        x_->service = x_->generation.services[0];
        crowd(1);
        x_->permit = std::move(places_.front().permit);
        x_->upstream_began = fixture_.loop.now();
    }

    // So many more are at the service.
    void crowd(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            EXPECT_EQ(x_->service->bulkhead().enter(places_.emplace_back(), "", 1,
                                                    upstream::Priority::normal),
                      upstream::Waiter::State::admitted);
        }
    }
    // Nobody turns this loop: its clock stands where the test puts it.
    void pass(Instant::duration time) {
        Clock& clock = const_cast<Clock&>(fixture_.loop.clock());
        clock.now += time;
        clock.wall += std::chrono::duration_cast<WallTime::duration>(time);
    }
    void attempts(int count, bool answered, int passed_over = 0) {
        for (int i = 0; i < count; ++i) {
            begin_attempt(*x_);
            pass(kTakes);
            if (answered) {
                x_->upstream_ended = fixture_.loop.now();
            }
            learn_from_attempt(*x_, false, passed_over);
        }
    }
    [[nodiscard]] std::uint32_t limit() const { return x_->service->bulkhead().limit(); }

    ShardFixture fixture_{{}};
    ScriptedStream stream_{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"};
    http::Borrowed<ExchangeMemory> memory_{fixture_.shard.memory()};
    std::deque<Place> places_;
    std::optional<Exchange> x_;
};

TEST_F(Attempts, ThatEndWithoutAnAnswerTeachTheLimitNothing) {
    attempts(40, true);
    attempts(40, false);
    crowd(kBegins - 1);
    attempts(80, true);
    EXPECT_GT(limit(), kBegins);
}

TEST_F(Attempts, AreTimedFromTheirOwnBeginning) {
    attempts(40, true);
    // Its first attempt was long ago.
    x_->upstream_began = fixture_.loop.now() - std::chrono::seconds(5);
    crowd(kBegins - 1);
    attempts(80, true);
    EXPECT_GT(limit(), kBegins);
}

TEST_F(Attempts, WhoseAnswerIsPassedOverSayThatTheServiceHasTooMuchToDo) {
    attempts(40, true);
    attempts(80, false, 500);
    EXPECT_EQ(limit(), kBegins);
    attempts(80, false, 503);
    EXPECT_LT(limit(), kBegins);
}

}  // namespace
}  // namespace gw::gateway
