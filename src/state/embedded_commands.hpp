// The commands of the Redis protocol that the embedded store knows: those that operators use.
#pragma once

#include <string>
#include <vector>

namespace gw::state {

class EmbeddedStore;

// The reply, encoded. arguments: the command first, in any case of letters.
std::string run_embedded_command(EmbeddedStore& store, const std::vector<std::string>& arguments);

// As KEYS and SCAN match: * ? [a-z] [^a] and \ before a character.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace gw::state
