// The one normaliser: a request target's path to its canonical form, or a refusal (RFC
// 3986, 6.2.2). It runs once, before routing; what is routed is what is authorised is what is
// forwarded.
#pragma once

#include <string>
#include <string_view>

namespace gw::http {

struct PathRefusal {
    const char* detail = "";  // a literal; safe to show to the client
    bool traversal = false;   // looks like an attempt to leave the path, not like a slip
};

enum class PathOutcome : unsigned char { unchanged, rewritten, refused };

// Canonical form of `path` (begins with '/'; no query). unchanged: `path` is already canonical and
// `out` is untouched: the common case costs one pass and no copy. rewritten: `out` holds the
// canonical form.
//  - percent-encoded unreserved characters are decoded, other escapes keep their bytes with
//  upper-case digits;
//  - dot segments, plain or escaped, are resolved; leaving the root is refused; repeated slashes
//  become one;
//  - refused: escapes that are broken, that hide '/', '\', ';' or a control, or bytes that are not
//  UTF-8; raw
//    controls, spaces, '\', ';', '#', '?', bytes over 0x7E; escapes of escapes that would become
//    '/', '\', ';', a control, a dot segment or bytes that are not UTF-8 when a service decodes
//    again (up to 8 times).
PathOutcome normalise_path(std::string_view path, std::string& out, PathRefusal& refusal);

// One segment with all escapes decoded repeatedly, without what follows a '?' or '#' that appears
// then, and ASCII letters in lower case: how a careless service might read it. For deny lists only,
// never for routing.
std::string fully_decoded(std::string_view segment);

}  // namespace gw::http
