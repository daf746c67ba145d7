#include "upstream/balancer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace gw::upstream {
namespace {

using Views = std::vector<EndpointView>;

Views some(std::size_t count) {
    Views views(count);
    for (std::size_t i = 0; i < count; ++i) {
        views[i].id = 1'000 + i;
    }
    return views;
}

Balancer balancer(Balancing policy, std::uint64_t seed = 1) {
    return Balancer({.policy = policy}, seed);
}

std::vector<std::size_t> picks(Balancer& b, const Views& views, int times) {
    std::vector<std::size_t> out;
    for (int i = 0; i < times; ++i) {
        out.push_back(b.pick(views, 0).value_or(99));
    }
    return out;
}

TEST(Balancer, FindsNothingWhereNothingCanBeUsed) {
    for (const auto& [name, policy] : names_of(Balancing{})) {
        Balancer b = balancer(policy);
        Views views = some(3);
        for (EndpointView& view : views) {
            view.usable = false;
        }
        EXPECT_EQ(b.pick(views, 7), std::nullopt) << name;
        EXPECT_EQ(b.pick({}, 7), std::nullopt) << name;
        views[1].usable = true;
        EXPECT_EQ(b.pick(views, 7), 1U) << name;
        views[1].weight = 0;
        EXPECT_EQ(b.pick(views, 7), std::nullopt) << name;
    }
}

TEST(Balancer, GoesRoundAndSkipsWhatIsLeftOut) {
    Balancer b = balancer(Balancing::round_robin);
    Views views = some(4);
    EXPECT_THAT(picks(b, views, 5), testing::ElementsAre(0, 1, 2, 3, 0));
    views[2].usable = false;
    EXPECT_THAT(picks(b, views, 4), testing::ElementsAre(1, 3, 0, 1));
    views.resize(2);
    EXPECT_THAT(picks(b, views, 3), testing::ElementsAre(0, 1, 0));
}

TEST(Balancer, TakesWhatWasTriedOnlyWhenThereIsNoOther) {
    for (const auto& [name, policy] : names_of(Balancing{})) {
        Balancer b = balancer(policy);
        Views views = some(2);
        views[0].tried = true;
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(b.pick(views, 7), 1U) << name;
        }
        views[1].usable = false;
        EXPECT_EQ(b.pick(views, 7), 0U) << name;
    }
}

TEST(Balancer, SpreadsWeightsSmoothly) {
    Balancer b = balancer(Balancing::weighted);
    Views views = some(3);
    views[0].weight = 5;
    views[1].weight = 1;
    views[2].weight = 1;
    EXPECT_THAT(picks(b, views, 7), testing::ElementsAre(0, 0, 1, 0, 2, 0, 0));
    // What is known of the others stays when an endpoint goes.
    views.erase(views.begin() + 1);
    EXPECT_THAT(picks(b, views, 6), testing::UnorderedElementsAre(0, 0, 0, 0, 0, 1));
}

TEST(Balancer, ComparesTwoByRequestsInFlightForTheirWeight) {
    Balancer b = balancer(Balancing::least_request);
    Views views = some(2);
    views[0].in_flight = 10;
    const auto busy = std::ranges::count(picks(b, views, 1'000), 0U);
    EXPECT_EQ(busy, 0);  // it is always compared with the other
    views[0].weight = 3'000;
    views[1].in_flight = 4;
    // 10 for 3 is less than 4 for 1.
    const auto heavy = std::ranges::count(picks(b, views, 1'000), 0U);
    EXPECT_EQ(heavy, 1'000);
}

TEST(Balancer, FollowsWeightsAlsoWhileNothingIsInFlight) {
    Balancer b = balancer(Balancing::least_request);
    Views views = some(2);
    views[0].weight = 100;
    views[1].weight = 900;
    const auto light = std::ranges::count(picks(b, views, 10'000), 0U);
    EXPECT_NEAR(static_cast<double>(light), 1'000, 150);
}

TEST(Balancer, KeepsKeysWhereTheyAreWhenAnEndpointGoes) {
    Balancer one = balancer(Balancing::hash, 1);
    Balancer other_worker = balancer(Balancing::hash, 2);
    const Views views = some(10);
    Views fewer = views;
    fewer[3].usable = false;
    std::map<std::size_t, int> share;
    std::map<std::size_t, int> heirs;
    for (std::uint64_t key = 0; key < 10'000; ++key) {
        const std::size_t before = one.pick(views, key).value_or(99);
        ASSERT_EQ(before, other_worker.pick(views, key));
        const std::size_t after = one.pick(fewer, key).value_or(99);
        ++share[before];
        if (before == 3) {
            ++heirs[after];
        } else {
            ASSERT_EQ(before, after);
        }
    }
    ASSERT_EQ(share.size(), 10U);
    for (const auto& [index, count] : share) {
        EXPECT_NEAR(count, 1'000, 150) << index;
    }
    EXPECT_EQ(heirs.size(), 9U);
    for (const auto& [index, count] : heirs) {
        EXPECT_NEAR(count, 111, 60) << index;
    }
}

TEST(Balancer, GivesKeysByWeight) {
    Balancer b = balancer(Balancing::hash);
    Views views = some(3);
    views[2].weight = 3'000;
    std::map<std::size_t, int> share;
    for (std::uint64_t key = 0; key < 10'000; ++key) {
        ++share[b.pick(views, key).value_or(99)];
    }
    EXPECT_NEAR(share[2], 6'000, 250);
    EXPECT_NEAR(share[0], 2'000, 200);
}

TEST(Balancer, DoesNotLetOneHotKeyFillItsEndpoint) {
    Balancer b = balancer(Balancing::hash);
    Views views = some(5);
    for (int i = 0; i < 1'000; ++i) {
        ++views[b.pick(views, 42).value_or(0)].in_flight;
    }
    for (const EndpointView& view : views) {
        EXPECT_LE(view.in_flight, 251U);
    }
}

TEST(Balancer, StaysInItsZoneWhileEnoughOfItCanBeUsed) {
    for (const auto& [name, policy] : names_of(Balancing{})) {
        Balancer b = balancer(policy);
        Views views = some(20);
        for (std::size_t i = 10; i < 20; ++i) {
            views[i].in_zone = false;
        }
        const auto kept = [&] {
            int count = 0;
            for (std::uint64_t key = 0; key < 2'000; ++key) {
                count += b.pick(views, key).value_or(0) < 10 ? 1 : 0;
            }
            return count;
        };
        views[0].usable = views[1].usable = views[2].usable = false;
        EXPECT_EQ(kept(), 2'000) << name;
        // Half of it can be used, of the 70 % that are enough.
        views[3].usable = views[4].usable = false;
        EXPECT_NEAR(kept(), 2'000 * 5 / 7, 90) << name;
        for (std::size_t i = 0; i < 10; ++i) {
            views[i].usable = false;
        }
        EXPECT_EQ(kept(), 0) << name;
    }
}

// Endpoints come, go, fail and fill up: what is picked can be used, and is not what was tried while
// there is another; and load that stays is spread as the policy promises.
TEST(BalancerSim, OnlyEverPicksWhatCanBeUsed) {
    for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        const auto policy = static_cast<Balancing>(random.below(4));
        Balancer b({.policy = policy, .prefer_zone = random.below(2) == 0}, seed);
        Views views;
        for (int step = 0; step < 60; ++step) {
            if (random.below(4) == 0 && views.size() < 12) {
                views.push_back({.id = random.next(),
                                 .weight = static_cast<std::uint32_t>(random.below(5)),
                                 .usable = random.below(4) != 0,
                                 .tried = random.below(4) == 0,
                                 .in_zone = random.below(2) == 0});
            }
            if (random.below(8) == 0 && !views.empty()) {
                views.erase(views.begin() +
                            static_cast<std::ptrdiff_t>(random.below(views.size())));
            }
            for (EndpointView& view : views) {
                view.usable = random.below(10) == 0 ? !view.usable : view.usable;
            }
            const auto fits = [](const EndpointView& view) {
                return view.usable && view.weight > 0;
            };
            const bool any = std::ranges::any_of(views, fits);
            const bool fresh = std::ranges::any_of(
                views, [&](const EndpointView& view) { return fits(view) && !view.tried; });
            const auto index = b.pick(views, random.next());
            ASSERT_EQ(index.has_value(), any);
            if (index) {
                ASSERT_TRUE(fits(views.at(*index)));
                ASSERT_FALSE(fresh && views[*index].tried);
                ++views[*index].in_flight;
            }
        }
    }
}

TEST(BalancerSim, SpreadsLastingLoadEvenly) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        SCOPED_TRACE(seed);
        Balancer b = balancer(Balancing::least_request, seed);
        Views views = some(10);
        for (int i = 0; i < 1'000; ++i) {
            ++views[b.pick(views, 0).value_or(0)].in_flight;
        }
        const auto [least, most] = std::ranges::minmax_element(views, {}, &EndpointView::in_flight);
        ASSERT_LE(most->in_flight - least->in_flight, 12U);
    }
}

}  // namespace
}  // namespace gw::upstream
