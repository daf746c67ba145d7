#include "state/store_advice.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

TEST(StoreAdvice, SaysWhatToDoWhileTheStoreIsAway) {
    const Error away{Errc::unreachable, Fault::store, Retry::yes, "Redis is not connected"};
    const std::string told = told_of(away);
    EXPECT_TRUE(told.starts_with("Redis is not connected; what is known stays in force."));
    EXPECT_TRUE(told.contains("in front of the gateways"));
    EXPECT_FALSE(told.contains('\n'));
    EXPECT_FALSE(told.contains('\r'));
}

TEST(StoreAdvice, AddsNothingToWhatWouldFailAgain) {
    EXPECT_EQ("the store runs no scripts", told_of({Errc::unreachable, Fault::store, Retry::never,
                                                    "the store runs no scripts"}));
    EXPECT_EQ("the gateway is stopping",
              told_of({Errc::cancelled, Fault::self, Retry::never, "the gateway is stopping"}));
}

}  // namespace
}  // namespace gw::state
