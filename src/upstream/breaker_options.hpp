// What an operator may set about circuit breakers.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::upstream {

struct BreakerOptions {
    bool enabled = true;
    Millis window{10'000};
    std::uint32_t volume_threshold = 10;
    std::uint32_t error_threshold = 50;
    Millis slow{0};
    std::uint32_t slow_threshold = 80;
    Millis reset_timeout{30'000};
    Millis reset_timeout_max{300'000};
    std::uint32_t probes = 3;

    bool operator==(const BreakerOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, BreakerOptions& o) {
    using namespace config;
    field("enabled", o.enabled, "open at all");
    field("window_ms", o.window, Range{1'000, 600'000}, "time over which requests are counted");
    field("volume_threshold", o.volume_threshold, Env{"CIRCUIT_BREAKER_VOLUME_THRESHOLD"},
          Range{1, 1'000'000'000}, "fewer requests in the window say nothing");
    field("error_threshold", o.error_threshold, Env{"CIRCUIT_BREAKER_ERROR_THRESHOLD"},
          Range{1, 100},
          "share of failures, in percent, above which it opens (100: all failed); answers of 5xx, "
          "refused, reset and late connections are failures, 4xx never");
    field("slow_ms", o.slow, Env{"CIRCUIT_BREAKER_TIMEOUT"}, Range{0, 86'400'000},
          "an answer that takes longer counts as slow; 0: none does");
    field("slow_threshold", o.slow_threshold, Range{1, 100},
          "share of slow answers, in percent, above which it opens; 100: all were slow");
    field("reset_timeout_ms", o.reset_timeout, Env{"CIRCUIT_BREAKER_RESET_TIMEOUT"},
          Range{1, 86'400'000},
          "how long it stays open before requests may try, give or take a tenth; doubled each time "
          "that they fail");
    field("reset_timeout_max_ms", o.reset_timeout_max, Range{1, 86'400'000},
          "the longest that doubling makes of it");
    field("probes", o.probes, Range{1, 1'000},
          "requests that may try at a time, and that have to succeed before it closes");
}

// Of one service: what is 0 is as it is for all.
struct ServiceBreakerOptions {
    std::uint32_t volume_threshold = 0;
    std::uint32_t error_threshold = 0;
    Millis slow{0};
    std::uint32_t slow_threshold = 0;
    Millis reset_timeout{0};

    [[nodiscard]] BreakerOptions over(BreakerOptions all) const {
        const auto choose = [](auto& value, auto own) {
            value = own == decltype(own){} ? value : own;
        };
        choose(all.volume_threshold, volume_threshold);
        choose(all.error_threshold, error_threshold);
        choose(all.slow, slow);
        choose(all.slow_threshold, slow_threshold);
        choose(all.reset_timeout, reset_timeout);
        return all;
    }
};

// The variables are those of all services: what an operator sets there counts for each.
template <class Visitor>
void fields(Visitor& field, ServiceBreakerOptions& o) {
    using namespace config;
    field("volume_threshold", o.volume_threshold, Env{"CIRCUIT_BREAKER_VOLUME_THRESHOLD"},
          Range{0, 1'000'000'000}, "fewer requests in the window say nothing; 0: as for all");
    field("error_threshold", o.error_threshold, Env{"CIRCUIT_BREAKER_ERROR_THRESHOLD"},
          Range{0, 100}, "share of failures, in percent, above which it opens; 0: as for all");
    field("slow_ms", o.slow, Env{"CIRCUIT_BREAKER_TIMEOUT"}, Range{0, 86'400'000},
          "an answer that takes longer counts as slow; 0: as for all");
    field("slow_threshold", o.slow_threshold, Range{0, 100},
          "share of slow answers, in percent, above which it opens; 0: as for all");
    field("reset_timeout_ms", o.reset_timeout, Env{"CIRCUIT_BREAKER_RESET_TIMEOUT"},
          Range{0, 86'400'000}, "how long it stays open before requests may try; 0: as for all");
}

}  // namespace gw::upstream
