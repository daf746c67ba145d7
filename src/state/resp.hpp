// The Redis protocol, version 2, from the server's side: commands read, replies written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::state {

struct RespCommand {
    enum class State : std::uint8_t { incomplete, complete, malformed };
    State state = State::incomplete;
    std::vector<std::string> arguments;  // of a complete one; empty: an empty line
    std::size_t consumed = 0;
    const char* why = "";  // of a malformed one, a literal
};

// Bounds on what a command may be.
inline constexpr std::size_t kRespArgumentsMax = 1'024;
inline constexpr std::size_t kRespArgumentMax = 1UL << 20;

// The first command in `bytes`: an array of bulk strings, or a line of words, perhaps in quotes, as
// telnet sends it.
RespCommand read_command(std::string_view bytes);

std::string resp_ok();
std::string resp_status(std::string_view text);  // one line
std::string resp_nil();
std::string resp_integer(std::int64_t number);
std::string resp_bulk(std::string_view text);
std::string resp_error(std::string_view text);  // "ERR …"
std::string resp_array(const std::vector<std::string>& replies);

}  // namespace gw::state
