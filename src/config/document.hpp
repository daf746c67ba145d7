// YAML text as a tree of our own that knows where each value stands. Immutable once read.
//
// Bounded, because a file may be half-written, generated or hostile: size, depth, number of nodes,
// and how much aliases may expand. A key that stands twice in one map is a mistake, not a quiet
// override.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/file.hpp"
#include "config/mistake.hpp"

namespace gw::config {

struct Entry;

struct Node {
    enum class Kind : unsigned char { nothing, scalar, list, map };

    Kind kind = Kind::nothing;
    bool in_quotes = false;  // of a scalar: written in quotes, so it is text whatever it looks like
    unsigned line = 0;
    unsigned column = 0;
    std::string text;            // of a scalar
    std::vector<Node> items;     // of a list
    std::vector<Entry> entries;  // of a map, in the order of the file

    [[nodiscard]] const Entry* find(std::string_view key) const;
};

struct Entry {
    std::string key;
    unsigned line = 0;
    unsigned column = 0;
    Node value;
};

struct Document {
    static constexpr std::size_t kBytesMax = 4UL * 1024 * 1024;
    static constexpr std::size_t kDepthMax = 32;
    static constexpr std::size_t kNodesMax = 500'000;  // ten thousand routes need about 120,000
    static constexpr std::size_t kAliasedNodesMax = 10'000;  // nodes that aliases may add

    std::string source;  // the file's name, as it was given
    std::string text;    // what it held
    Node root;

    // What could be read, and in `mistakes` what could not. The root is nothing when the text is no
    // YAML.
    static Document parse(std::string source, std::string text, std::vector<Mistake>& mistakes);
    // The same for a file.
    static Document load(const std::string& path, std::vector<Mistake>& mistakes,
                         Pipes pipes = Pipes::refused);
};

}  // namespace gw::config
