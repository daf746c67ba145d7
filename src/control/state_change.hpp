// What operators do by redis-cli on the gateway's own port, for the audit record: commands that may
// change something, done or refused. What is written to Redis past the gateway is not seen here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/security_event.hpp"

namespace gw::control {

// Nothing: the command only reads. arguments: at least one, the command first; reply: as RESP has
// it; client: the name that the connection gave itself, "" for none. Pure.
std::optional<gateway::SecurityEvent> state_change(const std::vector<std::string>& arguments,
                                                   std::string_view reply, std::string_view client,
                                                   WallTime now);

}  // namespace gw::control
