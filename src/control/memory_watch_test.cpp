#include "control/memory_watch.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace gw::control {
namespace {

std::uint64_t held(std::uint64_t current, const char* stat) {
    std::istringstream text(stat);
    return held_by_container(current, text);
}

TEST(MemoryWatch, CountsSocketsOfItsContainerAndNoFilesThatTheKernelKeeps) {
    constexpr const char* kStat =
        "anon 40000000\nfile 300000000\nkernel 30000000\nsock 400000000\nshmem 1000\n"
        "inactive_anon 0\nactive_anon 40000000\ninactive_file 200000000\n"
        "active_file 100000000\nslab_reclaimable 20000000\nslab_unreclaimable 5000000\n";
    EXPECT_EQ(held(770'000'000, kStat), 450'000'000U);
}

// The two files are read one after the other.
TEST(MemoryWatch, IsNeverBelowNothing) {
    EXPECT_EQ(held(1'000, "inactive_file 5000\n"), 0U);
    EXPECT_EQ(held(1'000, ""), 1'000U);
    EXPECT_EQ(held(1'000, "no numbers here"), 1'000U);
}

}  // namespace
}  // namespace gw::control
