// What came of a key that a store told.
#pragma once

#include <cstdint>

namespace gw::state {

struct Taken {
    bool changed = false;
    const char* complaint = "";  // a literal; "" if key and value were understood
    // Of a revocation whose value is no time: the moment that it was taken for, in milliseconds of
    // the epoch. 0: of nothing else.
    std::int64_t moment_ms = 0;
};

}  // namespace gw::state
