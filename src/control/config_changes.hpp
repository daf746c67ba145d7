// What a reload changed, for people: lines of the configuration that are gone and that are new, and
// the names of variables that differ. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gw::control {

// "- line" of what is gone, then "+ line" of what is new, in the order of their texts; comments and
// blank lines are nobody's concern. Values of settings whose name says that they are secret, and
// what stands before the @ of a URL, are masked. At most `most` lines, the last of which then says
// how many more there are.
std::vector<std::string> config_changes(std::string_view before, std::string_view after,
                                        std::size_t most);

// "± NAME" of each variable that was set, unset or changed; never its value.
std::vector<std::string> variable_changes(
    const std::map<std::string, std::string, std::less<>>& before,
    const std::map<std::string, std::string, std::less<>>& after);

}  // namespace gw::control
