// For tests: what is done where something that a test needs is not installed.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

namespace gw {

// Leaves the test out, and says so; where GW_LEAVE_NOTHING_OUT is set, as tools/test.sh does, it
// fails, lest everything pass because nothing ran. The test has to return then.
inline void leave_out(const char* what) {
    if (std::getenv("GW_LEAVE_NOTHING_OUT") != nullptr) {
        FAIL() << what << " is not installed";
    }
    GTEST_SKIP() << what << " is not installed";
}

}  // namespace gw
