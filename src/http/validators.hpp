// Whether what a client has is what is kept (RFC 9110, 8.8 and 13). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "http/headers.hpp"

namespace gw::http {

struct Validators {
    std::string_view etag;           // as the field says it; "" if there is none
    std::string_view last_modified;  // the same
    std::string_view date;           // the same
};

// RFC 9110, 8.8.3.2: weakness does not matter.
bool weakly_equal(std::string_view a, std::string_view b);

// Does the request ask for it only if it has changed, and has it not (If-None-Match, else
// If-Modified-Since; RFC 9110, 13.2.2)?
bool not_modified(const Headers& request, const Validators& kept, WallTime now);

// Does it have fields that are for the origin alone to judge: If-Match, If-Unmodified-Since or
// If-Range?
bool is_for_the_origin(const Headers& request);

// A part of a body.
struct ByteRange {
    std::uint64_t from = 0;
    std::uint64_t size = 0;
};
// The one range that a Range field asks for of a body of this size (RFC 9110, 14.1.2). Nothing if
// it asks for several, for none that there is, or for something else.
std::optional<ByteRange> single_range(std::string_view value, std::uint64_t size);

// If-None-Match and If-Modified-Since.
bool is_condition(const Field& field);

}  // namespace gw::http
