#include "limits/in_flight.hpp"

#include <gtest/gtest.h>

namespace gw::limits {
namespace {

TEST(InFlight, KnowsAKeyAsLongAsOneOfItsRequestsIsUnderWay) {
    InFlight in_flight(7);
    EXPECT_FALSE(in_flight.any("pay:u=1"));
    {
        const InFlight::Pass first = in_flight.enter("pay:u=1");
        InFlight::Pass moved;
        {
            InFlight::Pass second = in_flight.enter("pay:u=1");
            moved = std::move(second);
        }
        EXPECT_TRUE(in_flight.any("pay:u=1"));
        EXPECT_FALSE(in_flight.any("pay:u=2"));
        moved = {};
        EXPECT_TRUE(in_flight.any("pay:u=1"));
    }
    EXPECT_FALSE(in_flight.any("pay:u=1"));
}

}  // namespace
}  // namespace gw::limits
