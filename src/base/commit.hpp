// What the program was built from. Made when it is linked (cmake/gw_commit.cmake), and only the
// program has it: a commit changes one object, and no test is linked anew.
#pragma once

#include <string_view>

namespace gw {

extern const std::string_view kCommit;  // "f9829cf0a1b2"; "unknown" without git and -DGW_COMMIT

}  // namespace gw
