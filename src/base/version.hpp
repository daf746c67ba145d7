// The version of this program, the same as in CMakeLists.txt (cli/commands_test.cpp compares them).
#pragma once

#include <string_view>

namespace gw {

inline constexpr std::string_view kVersion = "1.0.0";

}  // namespace gw
