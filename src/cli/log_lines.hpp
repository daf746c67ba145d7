// The lines of a file, packed by gzip or not, for commands.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gw::cli {

// Calls visit for each line, without its line feed. Returns what is wrong, empty if nothing is: the
// file cannot be read, a packed one ends too early, a line is longer than any of the gateway's
// (it is left out). What comes before is visited all the same. The last line may lack its line
// feed.
std::string each_line(const std::string& path,
                      const std::function<void(std::string_view line)>& visit);

}  // namespace gw::cli
