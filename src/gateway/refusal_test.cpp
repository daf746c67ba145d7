#include "gateway/refusal.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace gw::gateway {
namespace {

TEST(Refusal, DoesNotSayOfAServiceThatWasNotAskedThatItGaveNoAnswer) {
    const std::string_view failed = kind_detail(Code::bad_gateway);
    EXPECT_NE(kind_detail(Code::circuit_open), failed);
    EXPECT_NE(kind_detail(Code::overloaded), failed);
    EXPECT_NE(kind_detail(Code::no_healthy_upstream), failed);
}

}  // namespace
}  // namespace gw::gateway
