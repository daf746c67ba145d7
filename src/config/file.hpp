// Files that settings name. Whatever has come in a file's place, a FIFO or a device, nobody waits
// for it while the gateway serves: it is refused as a file that is not there would be.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "config/mistake.hpp"

namespace gw::config {

// Pipes hold what they hold only once, and come to an end when somebody else says so: a command may
// wait for that (`--config <(…)`), a process that serves may not.
enum class Pipes : std::uint8_t { refused, awaited };

// What the file holds. The flaw continues its name: `cannot be read: Permission denied`, `is no
// regular file`, `is larger than 65536 bytes`. Blocks on the disk; with Pipes::awaited on whoever
// writes into the pipe as well.
std::expected<std::string, Flaw> read_file(const std::string& path, std::size_t bytes_max,
                                           Pipes pipes = Pipes::refused);

// Why libraries that open files by themselves must not be given this one; nothing: they may.
std::optional<Flaw> flaw_of_file(const std::string& path);

}  // namespace gw::config
