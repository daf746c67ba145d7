// Which endpoint of a service gets the next attempt. Pure: it sees what is passed in, and its own
// turn.
//
// Endpoints that cannot be used now are left out; those that this request has tried are taken only
// when there is no other. Endpoints of our own zone are preferred while enough of them can be used
// to carry the zone's share; of what they lack, that much goes to the others (after Envoy's zone
// aware routing and its priority levels).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "config/field.hpp"
#include "upstream/hash_key.hpp"

namespace gw::upstream {

enum class Balancing : std::uint8_t { round_robin, least_request, weighted, hash };

constexpr std::array<std::pair<std::string_view, Balancing>, 4> names_of(Balancing) {
    return {{{"round_robin", Balancing::round_robin},
             {"least_request", Balancing::least_request},
             {"weighted", Balancing::weighted},
             {"hash", Balancing::hash}}};
}

struct BalancerOptions {
    Balancing policy = Balancing::least_request;
    HashKey key = {};
    std::uint32_t load_bound = 125;
    bool prefer_zone = true;

    bool operator==(const BalancerOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, BalancerOptions& o) {
    using namespace config;
    field("policy", o.policy,
          "`least_request`: of two that chance names, the one with fewer requests in flight; "
          "`round_robin`: in turn; `weighted`: in turn, as often as their weights say; `hash`: the "
          "same one for the same key");
    field("key", o.key,
          "of `hash`: `address` of the client, `user`, `header:NAME`, `cookie:NAME` or "
          "`parameter:NAME` of the path; a request without it goes by its address");
    field(
        "load_bound", o.load_bound, Range{101, 1'000},
        "of `hash`: the most that one endpoint carries, in percent of its share; the rest goes to "
        "the next");
    field("prefer_zone", o.prefer_zone, "endpoints of our own zone first");
}

// What is to be known of an endpoint at the moment.
struct EndpointView {
    std::uint64_t id = 0;          // the same in every worker and gateway: a hash of its address
    std::uint32_t weight = 1'000;  // 0: gets nothing. Slow start lowers it for a while
    std::uint32_t in_flight = 0;
    bool usable = true;  // not ejected, and below its cap on connections
    bool tried = false;  // by this request
    bool in_zone = true;
};

class Balancer {
  public:
    // As many endpoints as are looked at; more get nothing. A service has fewer addresses than DNS
    // fits into an answer.
    static constexpr std::size_t kEndpointsMax = 1'024;

    Balancer(const BalancerOptions& options, std::uint64_t seed)
        : options_(options), random_(seed) {}

    void configure(const BalancerOptions& options) { options_ = options; }

    // The index of an endpoint; nothing: none can be used. key: of `hash`, what always goes to the
    // same one, as a hash.
    std::optional<std::size_t> pick(std::span<const EndpointView> endpoints, std::uint64_t key);

  private:
    using Endpoints = std::span<const EndpointView>;
    // Some of all endpoints, by index, and the sum of their weights.
    struct Choice {
        std::vector<std::uint32_t> of;
        std::uint64_t weight = 0;
    };
    void choose(Endpoints endpoints, std::uint64_t key);
    enum class Where : std::uint8_t { anywhere, in_zone, elsewhere };
    [[nodiscard]] Where place(Endpoints endpoints, std::uint64_t key);
    std::uint32_t in_turn();
    // One of the choice, by weight; not `except`, which may be none of them.
    std::uint32_t draw(Endpoints endpoints, std::uint32_t except);
    std::uint32_t least_request(Endpoints endpoints);
    std::uint32_t weighted(Endpoints endpoints);
    std::uint32_t by_hash(Endpoints endpoints, std::uint64_t key) const;

    BalancerOptions options_;
    Random random_;
    Choice choice_;           // of this pick; kept for its memory
    std::uint32_t next_ = 0;  // index of whose turn it is
    struct Credit {
        std::uint64_t id = 0;
        std::int64_t value = 0;
    };
    std::vector<Credit> credits_;  // of `weighted`, one an endpoint
};

}  // namespace gw::upstream
