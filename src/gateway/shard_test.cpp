#include "gateway/shard.hpp"

#include <gtest/gtest.h>

#include "gateway/exchange_test_support.hpp"

namespace gw::gateway {
namespace {

net::Task<void> nothing() {
    co_return;
}

TEST(Shard, ThatOnlySupposesBeginsNothingBehindRequests) {
    ShardFixture fixture({});
    fixture.shard.only_suppose();
    bool began = false;
    fixture.shard.spawn_behind([&] {
        began = true;
        return nothing();
    });
    EXPECT_FALSE(began);
}

}  // namespace
}  // namespace gw::gateway
