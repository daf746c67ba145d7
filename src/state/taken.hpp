// What came of a key that a store told.
#pragma once

namespace gw::state {

struct Taken {
    bool changed = false;
    const char* complaint = "";  // a literal; "" if key and value were understood
};

}  // namespace gw::state
