#include "upstream/bulkhead.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>

namespace gw::upstream {
namespace {

using State = Waiter::State;

constexpr Instant kBegin{std::chrono::hours(1'000)};

class Request final : public Waiter {
  public:
    int told = 0;

  private:
    void decided() override { ++told; }
};
using Requests = std::deque<Request>;  // they do not move

class BulkheadTest : public testing::Test {
  protected:
    Request& enter(std::string_view tenant, Priority priority = Priority::low,
                   std::uint32_t weight = 1) {
        Request& request = requests.emplace_back();
        bulkhead.enter(request, tenant, weight, priority);
        return request;
    }
    // Gives back the oldest permit, and says whose turn came: the number of its request.
    std::size_t next() {
        const auto is_in = [](const Request& r) { return r.permit.valid(); };
        std::vector<bool> before;
        for (const Request& request : requests) {
            before.push_back(is_in(request));
        }
        std::ranges::find_if(requests, is_in)->permit.give_back();
        for (std::size_t i = 0; i < requests.size(); ++i) {
            if (!before[i] && is_in(requests[i])) {
                return i;
            }
        }
        return requests.size();
    }
    std::vector<std::size_t> turns(int count) {
        std::vector<std::size_t> order;
        for (int i = 0; i < count; ++i) {
            order.push_back(next());
        }
        return order;
    }
    using Turns = std::vector<std::size_t>;

    Bulkhead bulkhead{{.limit = 2, .queue_max = 8, .tenant_share_max = 100}, 1};
    Requests requests;
};

TEST_F(BulkheadTest, AdmitsUpToTheLimitThenLetsWaitThenRefuses) {
    EXPECT_EQ(enter("a").state(), State::admitted);
    EXPECT_EQ(enter("a").state(), State::admitted);
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(enter("a").state(), State::waiting);
    }
    EXPECT_EQ(enter("a").state(), State::refused);
    EXPECT_EQ(bulkhead.in_flight(), 2U);
    EXPECT_EQ(bulkhead.waiting(), 8U);
    EXPECT_EQ(turns(3), (Turns{2, 3, 4}));
    EXPECT_EQ(requests[2].told, 1);
    EXPECT_EQ(requests[2].state(), State::admitted);
}

TEST_F(BulkheadTest, ForgetsWhoeverNoLongerWaits) {
    enter("a");
    enter("a");
    {
        Request gone;
        bulkhead.enter(gone, "a", 1, Priority::low);
        enter("a");
        EXPECT_EQ(bulkhead.waiting(), 2U);
    }
    EXPECT_EQ(bulkhead.waiting(), 1U);
    EXPECT_EQ(turns(1), (Turns{2}));
    requests.clear();
    EXPECT_EQ(bulkhead.in_flight(), 0U);
    EXPECT_EQ(bulkhead.waiting(), 0U);
}

TEST_F(BulkheadTest, LetsPurchasesGoBeforeReadsButReadsNotWaitForEver) {
    bulkhead.configure({.limit = 1, .queue_max = 64, .tenant_share_max = 100});
    enter("a");
    for (int i = 0; i < 4; ++i) {
        enter("a", Priority::low);  // 1 to 4
    }
    for (int i = 0; i < 4; ++i) {
        enter("a", Priority::normal);  // 5 to 8
    }
    for (int i = 0; i < 20; ++i) {
        enter("a", Priority::high);  // 9 to 28
    }
    EXPECT_EQ(turns(12), (Turns{9, 10, 11, 5, 12, 13, 14, 1, 15, 16, 17, 6}));
}

TEST_F(BulkheadTest, GivesTenantsTurnsByTheirWeight) {
    bulkhead.configure({.limit = 1, .queue_max = 64, .tenant_share_max = 100});
    enter("a");
    for (int i = 0; i < 10; ++i) {
        enter("a");  // 1 to 10
    }
    for (int i = 0; i < 4; ++i) {
        enter("b", Priority::low, 2);  // 11 to 14
    }
    enter("c");  // 15
    EXPECT_EQ(turns(9), (Turns{1, 11, 12, 15, 2, 13, 14, 3, 4}));
}

TEST_F(BulkheadTest, TakesTheRoomOfThoseWithLessRightWhenTheQueueIsFull) {
    bulkhead.configure({.limit = 1, .queue_max = 3, .tenant_share_max = 100});
    enter("a");
    enter("a");  // 1 to 3
    enter("a");
    enter("a");
    EXPECT_EQ(enter("b").state(), State::waiting);  // 4, for the youngest of a
    EXPECT_EQ(requests[3].state(), State::refused);
    EXPECT_EQ(requests[3].told, 1);
    EXPECT_EQ(enter("b").state(), State::refused);  // each would have as many: nobody gives way
    EXPECT_EQ(enter("a", Priority::high).state(), State::waiting);  // 6
    EXPECT_EQ(requests[2].state(), State::refused);
    EXPECT_EQ(enter("c").state(), State::refused);
    EXPECT_EQ(turns(3), (Turns{6, 1, 4}));
}

TEST_F(BulkheadTest, KeepsSomeRoomForOtherTenants) {
    bulkhead.configure({.limit = 10, .queue_max = 64, .tenant_share_max = 80});
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(enter("noisy").state(), State::admitted);
    }
    EXPECT_EQ(enter("noisy").state(), State::waiting);  // 8
    EXPECT_EQ(enter("b").state(), State::admitted);
    EXPECT_EQ(enter("c").state(), State::admitted);
    EXPECT_EQ(enter("d").state(), State::waiting);  // 11
    // One of b ends: the noisy one was first, but has enough.
    requests[9].permit.give_back();
    EXPECT_EQ(requests[8].state(), State::waiting);
    EXPECT_EQ(requests[11].state(), State::admitted);
    requests[0].permit.give_back();
    EXPECT_EQ(requests[8].state(), State::admitted);
}

TEST_F(BulkheadTest, LetsInWhoWaitsWhenTheLimitGrows) {
    for (int i = 0; i < 6; ++i) {
        enter("a");
    }
    bulkhead.configure({.limit = 5, .queue_max = 8, .tenant_share_max = 100});
    EXPECT_EQ(bulkhead.in_flight(), 5U);
    bulkhead.configure({.limit = 1, .queue_max = 8, .tenant_share_max = 100});
    EXPECT_EQ(bulkhead.in_flight(), 5U);
    EXPECT_EQ(turns(4), (Turns{6, 6, 6, 6}));
    EXPECT_EQ(turns(1), (Turns{5}));
}

TEST_F(BulkheadTest, SaysWhoIsNoisy) {
    enter("a");
    enter("b");
    for (int i = 0; i < 20; ++i) {
        enter("c");
    }
    const std::vector<TenantLoad> loads = bulkhead.noisiest(2);
    ASSERT_EQ(loads.size(), 2U);
    EXPECT_EQ(loads[0].tenant, "c");
    EXPECT_EQ(loads[0].waiting, 8U);
    EXPECT_EQ(loads[0].refused, 12U);
    EXPECT_EQ(loads[1].in_flight, 1U);
    EXPECT_EQ(bulkhead.noisiest(10).size(), 3U);
}

TEST_F(BulkheadTest, RemembersABoundedNumberOfTenants) {
    for (int i = 0; i < 100'000; ++i) {
        Request request;
        bulkhead.enter(request, std::to_string(i), 1, Priority::low);
    }
    EXPECT_LE(bulkhead.noisiest(1'000'000).size(), 1'024U);
    EXPECT_EQ(bulkhead.in_flight(), 0U);
}

TEST(Bulkhead, LowersItsLimitWhenAnswersTakeLong) {
    Bulkhead bulkhead({.limit = 100, .adaptive = true, .limit_min = 4, .tenant_share_max = 100}, 1);
    Requests requests;
    Instant now = kBegin;
    const auto serve = [&](int times, Millis took) {
        for (int i = 0; i < times; ++i) {
            while (bulkhead.in_flight() < bulkhead.limit()) {
                Request& request = requests.emplace_back();
                ASSERT_EQ(bulkhead.enter(request, "a", 1, Priority::low), State::admitted);
            }
            now += Millis(10);
            requests.front().permit.answered(took, false, {.now = now, .wall = {}});
            requests.pop_front();
        }
    };
    serve(150, Millis(20));
    const std::uint32_t before = bulkhead.limit();
    serve(150, Millis(200));
    EXPECT_LT(bulkhead.limit(), before);
}

// One who, when told of its turn, ends at once, as when its client has left meanwhile.
class Hasty final : public Waiter {
    void decided() override { permit.give_back(); }
};

TEST(Bulkhead, BearsThatWhoIsToldOfItsTurnEndsAtOnce) {
    Bulkhead bulkhead({.limit = 1, .queue_max = 1'000, .tenant_share_max = 100}, 1);
    Request first;
    bulkhead.enter(first, "a", 1, Priority::low);
    std::deque<Hasty> hasty(1'000);
    for (Hasty& each : hasty) {
        bulkhead.enter(each, "a", 1, Priority::low);
    }
    first.permit.give_back();
    EXPECT_EQ(bulkhead.in_flight(), 0U);
    EXPECT_EQ(bulkhead.waiting(), 0U);
}

// Whoever comes, ends, gives up, whatever is configured: the limits hold, nobody waits who could
// go, everybody who waited is told once, and in the end nothing is left.
TEST(BulkheadSim, KeepsItsLimitsAndLosesNobody) {
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        const auto roll = [&](std::uint64_t bound) {
            return static_cast<std::uint32_t>(random.below(bound));
        };
        BulkheadOptions options{
            .limit = 1 + roll(8), .queue_max = roll(12), .tenant_share_max = 1 + roll(100)};
        Bulkhead bulkhead(options, seed);
        std::vector<std::unique_ptr<Request>> live;
        std::map<const Request*, bool> waited;
        for (int step = 0; step < 300; ++step) {
            if (roll(2) == 0) {
                auto request = std::make_unique<Request>();
                const State state =
                    bulkhead.enter(*request, std::string(1, static_cast<char>('a' + roll(5))),
                                   1 + roll(3), static_cast<Priority>(roll(3)));
                ASSERT_NE(state, State::outside);
                ASSERT_EQ(request->permit.valid(), state == State::admitted);
                waited[request.get()] = state == State::waiting;
                live.push_back(std::move(request));
            } else if (!live.empty()) {
                const auto at = live.begin() + roll(live.size());
                const Request& request = **at;
                const bool decided = request.state() != State::waiting;
                ASSERT_EQ(request.told, waited[&request] && decided ? 1 : 0);
                live.erase(at);
            }
            if (roll(50) == 0) {
                options.limit = 1 + roll(8);
                bulkhead.configure(options);
            }
            const auto count = [&](State state) {
                return std::ranges::count_if(live,
                                             [&](const auto& r) { return r->state() == state; });
            };
            ASSERT_EQ(bulkhead.in_flight(), count(State::admitted));
            ASSERT_EQ(static_cast<std::ptrdiff_t>(bulkhead.waiting()), count(State::waiting));
            ASSERT_LE(bulkhead.waiting(), options.queue_max);
            ASSERT_LE(bulkhead.in_flight(), 8U);
            const std::uint32_t share =
                std::max(1U, options.limit * options.tenant_share_max / 100);
            for (const TenantLoad& load : bulkhead.noisiest(10)) {
                ASSERT_TRUE(load.waiting == 0 || bulkhead.in_flight() >= options.limit ||
                            load.in_flight >= share);
            }
        }
        live.clear();
        ASSERT_EQ(bulkhead.in_flight(), 0U);
        ASSERT_EQ(bulkhead.waiting(), 0U);
    }
}

// One tenant asks a hundred times as much as the others, all at the service's limit: the others get
// all that they ask, and it gets the rest.
TEST(BulkheadSim, DoesNotLetANoisyTenantStarveTheOthers) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Bulkhead bulkhead({.limit = 10, .queue_max = 20}, seed);
        std::vector<std::unique_ptr<Request>> quiet;
        std::deque<std::unique_ptr<Request>> noisy;
        std::uint64_t served = 0;
        for (int step = 0; step < 1'000; ++step) {
            for (int i = 0; i < 10; ++i) {
                noisy.push_back(std::make_unique<Request>());
                bulkhead.enter(*noisy.back(), "noisy", 1, Priority::low);
            }
            if (step % 10 == 0) {
                quiet.push_back(std::make_unique<Request>());
                bulkhead.enter(*quiet.back(), "quiet" + std::to_string(random.below(3)), 1,
                               Priority::low);
            }
            // The service ends two requests a step, any of those in it.
            for (int ends = 0; ends < 2;) {
                const bool from_quiet = random.below(10) < 2;
                const auto is_in = [](const auto& r) { return r->permit.valid(); };
                if (const auto q = std::ranges::find_if(quiet, is_in);
                    from_quiet && q != quiet.end()) {
                    (*q)->permit.give_back();
                    ++ends;
                } else if (const auto n = std::ranges::find_if(noisy, is_in); n != noisy.end()) {
                    noisy.erase(n);
                    ++served;
                    ++ends;
                } else {
                    break;
                }
            }
            std::erase_if(noisy, [](const auto& r) { return r->state() == State::refused; });
        }
        for (const auto& request : quiet) {
            ASSERT_NE(request->state(), State::refused);
        }
        ASSERT_GE(served, 1'500U);
    }
}

}  // namespace
}  // namespace gw::upstream
