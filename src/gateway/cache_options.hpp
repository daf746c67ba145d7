// What an operator may set about the answers of a route that are kept.
#pragma once

#include <string>
#include <vector>

#include "gateway/stage.hpp"
#include "http/freshness.hpp"

namespace gw::gateway {

enum class Share : std::uint8_t { tenant, user };
constexpr std::array<std::pair<std::string_view, Share>, 2> names_of(Share) {
    return {{{"tenant", Share::tenant}, {"user", Share::user}}};
}

struct CacheOptions : StageOptions {
    std::uint64_t ttl_s = 0;
    std::uint64_t stale_while_revalidate_s = 0;
    std::uint64_t stale_if_error_s = 0;
    std::uint64_t body_bytes_max = 1'048'576;
    std::vector<std::string> query;
    Share share = Share::tenant;
    bool heuristic = false;
    bool set_cookie = false;
    bool shared = true;

    [[nodiscard]] http::CacheRules rules() const {
        using std::chrono::seconds;
        return {.ttl = seconds{ttl_s},
                .stale_while_revalidate = seconds{stale_while_revalidate_s},
                .stale_if_error = seconds{stale_if_error_s},
                .heuristic = heuristic,
                .set_cookie = set_cookie,
                .of_one = share == Share::user};
    }
};

// Null where the route has no such section.
const CacheOptions* cache_of(const StageOptionsList& options);

std::optional<config::Flaw> check_parameter_name(std::string_view name);

template <class Visitor>
void fields(Visitor& field, CacheOptions& o) {
    using namespace config;
    constexpr Range kSeconds{0, 31'536'000};
    field(
        "ttl_s", o.ttl_s, kSeconds,
        "how long an answer is fresh whose service says nothing about it; 0: as the service says");
    field("stale_while_revalidate_s", o.stale_while_revalidate_s, kSeconds,
          "how long after that it is still given while it is fetched anew, where the service says "
          "nothing");
    field("stale_if_error_s", o.stale_if_error_s, kSeconds,
          "how long after that it is still given where the service fails, where the service says "
          "nothing");
    field("body_bytes_max", o.body_bytes_max, Range{1, 67'108'864}, "larger answers are not kept");
    field("query", o.query, Check{check_parameter_name, "^[^&=#%+ ]+$"},
          "parameters of the query that tell answers apart; none listed: the whole query does");
    field("share", o.share,
          "`tenant`: callers of one tenant with one role, the same venues and permissions share "
          "what may be shared; `user`: nobody shares, and private answers are kept as well");
    field("heuristic", o.heuristic,
          "whether an answer of which only the last change is known is fresh for a tenth of the "
          "time since then");
    field("set_cookie", o.set_cookie, "whether answers that set cookies are kept");
    field("shared", o.shared,
          "whether they are kept in Redis as well, where there is one, for all gateways; with "
          "`share: user` they never are");
}

// Of the whole process.
struct CacheSizeOptions {
    std::uint64_t bytes_max = 67'108'864;
    bool shared = true;
    std::uint64_t shared_body_bytes_max = 262'144;
};

template <class Visitor>
void fields(Visitor& field, CacheSizeOptions& o) {
    field("bytes_max", o.bytes_max, config::Range{1'048'576, 1'099'511'627'776},
          "memory of this process for answers of routes that have a `cache` section");
    field("shared", o.shared,
          "whether gateways that share a Redis share answers through it, and tell each other what "
          "was written to");
    // A larger one would hold up what else is asked of Redis on the same connection.
    field("shared_body_bytes_max", o.shared_body_bytes_max, config::Range{0, 8'388'608},
          "larger answers are kept in memory only");
}

}  // namespace gw::gateway
