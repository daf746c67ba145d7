#include "gateway/grpc.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

TEST(Grpc, ATimeoutIsUpToEightDigitsAndAUnit) {
    EXPECT_EQ(grpc_timeout("100m"), Millis{100});
    EXPECT_EQ(grpc_timeout("2S"), Millis{2'000});
    EXPECT_EQ(grpc_timeout("1M"), Millis{60'000});
    EXPECT_EQ(grpc_timeout("2562048H"), kGrpcTimeoutMost);
    EXPECT_EQ(grpc_timeout("99999999H"), kGrpcTimeoutMost);
    EXPECT_EQ(grpc_timeout("1u"), Millis{1});
    EXPECT_EQ(grpc_timeout("1500000n"), Millis{2});
    for (const char* bad : {"", "1", "S", "100000000S", "-1S", "1 S", "1.5S", "1s", "0x1S"}) {
        EXPECT_FALSE(grpc_timeout(bad)) << bad;
    }
}

TEST(Grpc, TheTypeAndItsVariantsAreTold) {
    EXPECT_TRUE(is_grpc("application/grpc"));
    EXPECT_TRUE(is_grpc("application/grpc+proto"));
    EXPECT_TRUE(is_grpc("Application/gRPC; charset=x"));
    EXPECT_FALSE(is_grpc("application/grpc-web"));
    EXPECT_FALSE(is_grpc("application/json"));
    EXPECT_FALSE(is_grpc(""));
}

TEST(Grpc, RefusalsHaveTheCodeOfTheirStatus) {
    EXPECT_EQ(grpc_status(401), 16);
    EXPECT_EQ(grpc_status(403), 7);
    EXPECT_EQ(grpc_status(404), 12);
    EXPECT_EQ(grpc_status(429), 14);
    EXPECT_EQ(grpc_status(503), 14);
    EXPECT_EQ(grpc_status(504), 4);
    EXPECT_EQ(grpc_status(418), 2);
}

}  // namespace
}  // namespace gw::gateway
