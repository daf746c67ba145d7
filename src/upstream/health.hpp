// Which endpoints of a service are worth asking. Pure.
//
// An endpoint that fails several times in a row is left out for a while, longer each time; what it
// is asked afterwards comes slowly, and one failure is enough to leave it out again. So is what has
// just joined, and what an active check has found well again. No more than a share is left out for
// its failures, and where too few are left all are asked: then it is not they who are ill, or there
// is nothing to lose.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "config/field.hpp"
#include "upstream/balancer.hpp"

namespace gw::upstream {

struct HealthOptions {
    std::uint32_t failures_max = 5;
    Millis ejected{10'000};
    Millis ejected_max{300'000};
    std::uint32_t ejected_share_max = 50;
    std::uint32_t panic_threshold = 50;
    Millis slow_start{10'000};

    bool operator==(const HealthOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, HealthOptions& o) {
    using namespace config;
    field("failures_max", o.failures_max, Range{1, 1'000},
          "failures in a row after which an endpoint is left out: answers of 5xx, no connection, a "
          "lost or late answer");
    field("ejected_ms", o.ejected, Range{1, 3'600'000},
          "how long it is left out the first time; twice that the second, and so on");
    field("ejected_max_ms", o.ejected_max, Range{1, 86'400'000}, "the longest that becomes of it");
    field("ejected_share_max", o.ejected_share_max, Range{0, 100},
          "most endpoints left out at a time for their failures, in percent; one is always allowed "
          "where there are others");
    field("panic_threshold", o.panic_threshold, Range{0, 100},
          "all are asked while fewer than this are well, in percent");
    field("slow_start_ms", o.slow_start, Range{0, 3'600'000},
          "time in which an endpoint that has joined or returned comes to its full share");
}

// One thread: a worker's view of a service.
class ServiceHealth {
  public:
    explicit ServiceHealth(const HealthOptions& options) : options_(options) {}

    void configure(const HealthOptions& options) { options_ = options; }

    // What stays keeps what is known of it. The first endpoints of all do not begin slowly: there
    // are no others to carry the load meanwhile.
    void set_endpoints(std::span<const std::uint64_t> ids, Instant now);

    // What came of a request. Endpoints that have left are nobody's business.
    void succeeded(std::uint64_t id, Instant now);
    void failed(std::uint64_t id, Instant now);
    // What active checks say, once they have changed their mind. Well again ends an ejection.
    void checked(std::uint64_t id, bool well, Instant now);

    // Takes away the use of what is left out, and lowers the weight of what begins slowly. False:
    // too few are well, so all are asked.
    bool apply(std::span<EndpointView> views, Instant now) const;

    [[nodiscard]] bool is_ejected(std::uint64_t id, Instant now) const;
    [[nodiscard]] bool is_well(std::uint64_t id, Instant now) const;

  private:
    struct Entry {
        std::uint64_t id = 0;
        std::uint32_t failures = 0;   // in a row
        std::uint32_t ejections = 0;  // not forgiven yet, as of ejected_until
        bool checked_ill = false;
        Instant ejected_until{};
        Instant began{};  // of its slow start
    };
    // Null: there is none. hint: where it probably is.
    template <class Entries>
    static auto find(Entries& entries, std::uint64_t id, std::size_t hint = 0)
        -> decltype(&entries[0]);
    static bool is_well(const Entry& entry, Instant now);
    [[nodiscard]] bool may_eject(Instant now) const;
    void eject(Entry& entry, Instant now) const;
    [[nodiscard]] std::uint32_t slow_weight(const Entry& entry, std::uint32_t weight,
                                            Instant now) const;

    HealthOptions options_;
    std::vector<Entry> entries_;  // in the order of the endpoints
};

std::optional<config::Flaw> check_check_path(std::string_view path);

struct CheckOptions {
    bool enabled = false;
    std::string path = "/health";
    Millis interval{5'000};
    Millis timeout{1'000};
    std::uint32_t healthy_threshold = 2;
    std::uint32_t unhealthy_threshold = 3;

    bool operator==(const CheckOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, CheckOptions& o) {
    using namespace config;
    field("enabled", o.enabled, "endpoints are asked how they are");
    field("path", o.path, Check{check_check_path, "^/[!-~]*$"},
          "what is asked for, by GET; an answer of 2xx is good");
    field("interval_ms", o.interval, Range{100, 3'600'000},
          "time between checks of an endpoint, give or take a tenth");
    field("timeout_ms", o.timeout, Range{10, 5'000}, "time for the whole answer");
    field("healthy_threshold", o.healthy_threshold, Range{1, 100},
          "good checks in a row after which an ill endpoint is well");
    field("unhealthy_threshold", o.unhealthy_threshold, Range{1, 100},
          "bad checks in a row after which a well endpoint is ill");
}

// The active checks of one endpoint, as a state. The first check decides alone: nobody has to wait
// for a new endpoint to prove itself several times, nor to find out several times that it does not
// work.
class ActiveCheck {
  public:
    [[nodiscard]] bool well() const { return well_; }
    // True: it changed its mind.
    bool report(const CheckOptions& options, bool good);
    // When to check next. Endpoints must not be checked all at once, so the first time comes at any
    // moment of the interval.
    Instant next(const CheckOptions& options, Random& random, Instant now);

  private:
    bool well_ = true;
    bool asked_ = false;
    bool planned_ = false;
    std::uint32_t in_a_row_ = 0;  // checks that contradict well_
};

}  // namespace gw::upstream
