// What Redis says when it does not do what it was asked to, as far as we act on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "state/redis_options.hpp"

namespace gw::state {

enum class Complaint : std::uint8_t {
    password,    // no password, a wrong one, or one where none is wanted
    permission,  // the user may not do that
    replica,     // a write to a replica
    not_ready,   // loading, without its master, busy with a script: it passes
    no_writes,   // out of memory, cannot save, too few replicas: reads go on
    no_script,   // a script by a hash that the server does not know
    moved,       // Cluster: the key lives elsewhere; the map is old
    ask,         // Cluster: this once, elsewhere
    try_again,   // Cluster: the slot is being moved
    wrong_type,
    other,
};

// What the detail of a refusal for want of a right begins with, and each longer text about one.
inline constexpr std::string_view kNotPermitted = "Redis does not permit ";

// text: an error reply.
Complaint complaint_of(std::string_view text);
// detail is a literal; what the server wrote is not passed on.
Error error_of(std::string_view text);

// "MOVED 3999 127.0.0.1:6381", and the same with ASK. A host left out is the one that was asked.
struct Redirection {
    std::uint16_t slot = 0;
    RedisHost host;
};
std::optional<Redirection> redirection_of(std::string_view text);

}  // namespace gw::state
