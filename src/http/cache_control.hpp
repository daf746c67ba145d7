// What Cache-Control says (RFC 9111, 5.2; RFC 5861), of requests and of answers, and what
// Surrogate-Control says of an answer to us alone (W3C, Edge Architecture). Pure; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "http/headers.hpp"

namespace gw::http {

// Directives that nobody here knows are left out. A time that is no number of seconds counts as
// zero: what is not understood is not fresh (RFC 9111, 4.2.1). Of one that is given twice the first
// counts. A directive that names fields (no-cache="a", private="b") counts as without them.
struct CacheControl {
    using Seconds = std::chrono::seconds;

    bool present = false;  // there is such a field
    bool no_store = false;
    bool no_cache = false;
    bool for_one = false;  // private
    bool for_all = false;  // public
    bool must_revalidate = false;
    bool proxy_revalidate = false;
    bool must_understand = false;
    bool only_if_cached = false;
    bool max_stale_any = false;  // max-stale without a time
    std::optional<Seconds> max_age;
    std::optional<Seconds> s_maxage;
    std::optional<Seconds> min_fresh;
    std::optional<Seconds> max_stale;
    std::optional<Seconds> stale_while_revalidate;
    std::optional<Seconds> stale_if_error;
    // Of Surrogate-Control: comes before every other time.
    std::optional<Seconds> surrogate_max_age;
};

// Longer times count as this long (RFC 9111, 1.2.2).
inline constexpr std::chrono::seconds kDeltaSecondsMax{2'147'483'648};

// Our name in `Surrogate-Capability: api-gateway="Surrogate/1.0"`, by which services may speak to
// us.
inline constexpr std::string_view kSurrogateName = "api-gateway";

// One field's value, added to what others said.
void parse_cache_control(std::string_view value, CacheControl& out);
// All fields of a head, as one list. A request without any that says `Pragma: no-cache` means
// no-cache (RFC 9111, 5.4).
CacheControl cache_control_of_request(const Headers& headers);
// With Surrogate-Control, where it is for everybody or for us: it may shorten and lengthen. Only
// where a service names us (`max-age=60;api-gateway`) it also undoes the no-store and no-cache of
// Cache-Control, which then are for those behind us. `private` stays.
CacheControl cache_control_of_answer(const Headers& headers);

// The first field of that name, in any case, or null.
const Field* find_field(const Headers& headers, std::string_view name);

}  // namespace gw::http
