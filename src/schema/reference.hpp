// References between schemas: a URI against another (RFC 3986, 5.2), and JSON Pointers (RFC 6901).
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::schema {

// base: without a fragment; may be empty or relative, as of a document that does not name itself.
std::string resolve(std::string_view base, std::string_view reference);

struct Split {
    std::string uri;       // without fragment
    std::string fragment;  // decoded
};
// Nothing: the fragment is not written as one.
std::optional<Split> split_fragment(std::string_view uri);

// "/a~1b/0" to its parts. Nothing: it is no pointer.
std::optional<std::vector<std::string>> parse_pointer(std::string_view pointer);
// One more part, escaped.
void append_part(std::string& pointer, std::string_view part);

}  // namespace gw::schema
