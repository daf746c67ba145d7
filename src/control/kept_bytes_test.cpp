#include "control/kept_bytes.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

TEST(KeptBytes, IsFullUntilEnoughHasEnded) {
    const Instant begin{Millis{1'000}};
    KeptBytes kept(100);
    EXPECT_FALSE(kept.full(begin));
    kept.add(60, begin + Millis{20});
    kept.add(30, begin + Millis{10});
    EXPECT_FALSE(kept.full(begin));
    kept.add(10, begin + Millis{30});
    EXPECT_TRUE(kept.full(begin));
    EXPECT_TRUE(kept.full(begin + Millis{9}));
    EXPECT_FALSE(kept.full(begin + Millis{10}));
    kept.add(30, begin + Millis{40});
    EXPECT_TRUE(kept.full(begin + Millis{19}));
    EXPECT_FALSE(kept.full(begin + Millis{20}));
}

}  // namespace
}  // namespace gw::control
