// Whether an answer may be kept, how long it is fresh, and what it is good for later (RFC 9111, 3
// and 4; RFC 5861). Pure: what was said and `now` in, a decision out. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "http/cache_control.hpp"
#include "http/message.hpp"

namespace gw::http {

// What the operator says of a route, where the service says nothing.
struct CacheRules {
    std::chrono::seconds ttl{0};
    std::chrono::seconds stale_while_revalidate{0};
    std::chrono::seconds stale_if_error{0};
    bool heuristic = false;   // a tenth of the time since it was changed (RFC 9111, 4.2.2)
    bool set_cookie = false;  // answers that set cookies may be kept
    bool of_one = false;      // what is kept is for one caller alone: a private cache
};

// Of the request that was answered.
struct Asked {
    Method method = Method::get;
    bool credentials = false;   // shows some (RFC 9111, 3.5)
    bool known_caller = false;  // and the gateway has verified them
    bool cookies = false;
    bool no_store = false;
};

struct Freshness {
    std::chrono::seconds lifetime{0};
    std::chrono::seconds initial_age{0};  // when it came
    std::chrono::seconds stale_while_revalidate{0};
    std::chrono::seconds stale_if_error{0};
    bool always_validate = false;  // no-cache
    bool never_stale = false;      // must-revalidate and its like

    [[nodiscard]] std::chrono::seconds age(Instant::duration since) const {
        return initial_age + std::chrono::duration_cast<std::chrono::seconds>(since);
    }
};

// May it be kept, and how long is it good? Nothing: it may not, or it would be of no use.
// took: from the request to this head.
std::optional<Freshness> freshness_of(const Asked& asked, const ResponseHead& answer,
                                      const CacheRules& rules, Instant::duration took,
                                      WallTime now);

enum class Reuse : std::uint8_t {
    fresh,     // as it is
    refresh,   // as it is, and fetched anew behind it
    validate,  // only if the service says that it still holds
};
Reuse reuse_of(const Freshness& kept, std::chrono::seconds age, const CacheControl& request);

// The service has failed: may it be given instead?
bool good_on_error(const Freshness& kept, std::chrono::seconds age);

}  // namespace gw::http
