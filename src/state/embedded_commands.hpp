// The commands of the Redis protocol that the embedded store knows: those that operators and their
// tools use. What concerns a connection (AUTH, HELLO, CLIENT, QUIT) is RespSession's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gw::state {

class EmbeddedStore;

struct EmbeddedCommand {
    using Arguments = std::vector<std::string>;
    enum class Keys : std::uint8_t { none, one, all };  // which arguments are keys

    std::string_view name;  // in capitals
    std::size_t least;      // arguments, with the command
    std::size_t most;
    Keys keys;
    std::string (*run)(EmbeddedStore&, const Arguments&);
};

// The reply, encoded. arguments: the command first, in any case of letters.
std::string run_embedded_command(EmbeddedStore& store, const std::vector<std::string>& arguments);

// By subject: what keys hold, keys and their ends, and the server itself.
std::span<const EmbeddedCommand> value_commands();
std::span<const EmbeddedCommand> key_commands();
std::span<const EmbeddedCommand> server_commands();

// A whole number as Redis reads it: digits, perhaps with a minus sign.
std::optional<std::int64_t> command_number(std::string_view text);
std::string resp_bulks(const std::vector<std::string>& texts);

inline constexpr std::string_view kNoNumber = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNoSyntax = "ERR syntax error";
inline constexpr std::string_view kNoRoom =
    "OOM command not allowed when used memory > 'maxmemory'.";

}  // namespace gw::state
