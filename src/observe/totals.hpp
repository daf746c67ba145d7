// What all workers have counted, summed: the same cells that /metrics exposes, as numbers to reckon
// with. Valid as long as the blocks are. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "observe/metrics.hpp"

namespace gw::observe {

using DurationCounts = std::array<std::uint64_t, DurationHistogram::kBuckets>;

// Of the requests of a route or the answers of a service, ever.
struct FlowTotal {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;   // 5xx; of a service also attempts that brought no answer
    std::uint64_t refused = 0;  // 4xx
    std::uint64_t retries = 0;  // of a service
    DurationCounts took{};

    void add(const FlowTotal& other);
};

// What is so now, of a service.
struct ServiceGauges {
    std::uint64_t active = 0;  // connections
    std::uint64_t idle = 0;
    std::uint64_t waiting = 0;  // requests
};

struct Totals {
    FlowTotal all;
    std::uint64_t in_progress = 0;
    std::uint64_t connections = 0;
    std::map<std::string_view, FlowTotal> routes;  // those that somebody asked for
    std::map<std::string_view, FlowTotal> services;
    std::map<std::string_view, ServiceGauges> gauges;
    // By name, as the console calls them: "auth.success", "token.expired", "violation.injection",
    // "limit.search", "tenant.blocked", "upstream.event-service.timeout" … Those at zero are left
    // out.
    std::map<std::string, std::uint64_t, std::less<>> counts;
};

Totals read_totals(std::span<const MetricBlock* const> blocks);

// The value below which that share of what was counted lies, in seconds, by straight lines within
// buckets as Prometheus' histogram_quantile() has it; 0 if nothing was counted.
double quantile_of(const DurationCounts& counts, double share);

}  // namespace gw::observe
