// Patterns as KEYS and SCAN take them: * ? [a-z] [^a] and \ before a character that means itself.
// Bytes, not letters: there is no folding. Pure; any thread.
#pragma once

#include <string_view>

namespace gw::state {

// No pattern costs more than its length times the text's.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace gw::state
