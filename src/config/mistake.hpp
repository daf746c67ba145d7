// What is wrong with a configuration, for the person who has to put it right: where, what, and what
// would be right. Mistakes are never thrown and never stop the reading; all of them are shown at
// once.
#pragma once

#include <string>
#include <string_view>

namespace gw::config {

// A place in a file, or an environment variable (no line).
struct Place {
    std::string source;
    unsigned line = 0;  // from 1
    unsigned column = 0;

    [[nodiscard]] std::string to_string() const;
};

// Files before the environment, then by line.
bool operator<(const Place& a, const Place& b);

struct Mistake {
    Place place;
    std::string what;
    std::string remedy;

    // "config/gateway.yaml:12:7: listen.port is 70000; use a whole number from 0 to 65535"
    [[nodiscard]] std::string to_string() const;
};

// The two halves of a message about one value: `what` continues the name of the setting ("is
// 70000").
struct Flaw {
    std::string what;
    std::string remedy;
};

// Text as it may stand in a message: in quotes, controls escaped, cut when long.
std::string quote(std::string_view text);

}  // namespace gw::config
