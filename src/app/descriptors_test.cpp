#include "app/descriptors.hpp"

#include <gtest/gtest.h>

namespace gw::app {
namespace {

TEST(Descriptors, LeaveEachClientOneForItsService) {
    for (const std::size_t descriptors : {256U, 1'024U, 32'768U, 1'048'576U}) {
        const std::size_t clients = derived_connections_max(descriptors);
        EXPECT_GE(descriptors_for_services(descriptors, clients), clients) << descriptors;
        EXPECT_GT(clients, descriptors / 3) << descriptors;
    }
}

TEST(Descriptors, OfAFewLeaveSomeClients) {
    EXPECT_EQ(derived_connections_max(0), 4U);
    EXPECT_EQ(derived_connections_max(48), 4U);
    EXPECT_EQ(derived_connections_max(50), 5U);
}

TEST(Descriptors, AreNoneForServicesWhereClientsMayTakeAll) {
    EXPECT_EQ(descriptors_for_services(100, 1'000), 0U);
    EXPECT_EQ(descriptors_for_services(1'000, 100), 860U);
}

}  // namespace
}  // namespace gw::app
