#include "observe/totals.hpp"

namespace gw::observe {
namespace {

void add_buckets(DurationCounts& counts, const DurationHistogram& histogram) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
        counts[i] += histogram.count(i);
    }
}

void add_statuses(FlowTotal& total, const GrowingList<StatusSeries>& statuses) {
    statuses.each([&](const StatusSeries& series) {
        const std::uint64_t count = series.count.value();
        total.requests += count;
        total.errors += series.status >= 500 ? count : 0;
        total.refused += series.status >= 400 && series.status < 500 ? count : 0;
    });
}

FlowTotal total_of(const RouteSeries& route) {
    FlowTotal total;
    route.methods.each([&](const MethodSeries& method) {
        add_statuses(total, method.statuses);
        add_buckets(total.took, method.duration);
    });
    return total;
}

template <class Counts>
void add_count(Counts& counts, std::string name, std::uint64_t value) {
    if (value != 0) {
        counts[std::move(name)] += value;
    }
}

template <class Counts, std::size_t kSize>
void add_counts(Counts& counts, const char* prefix,
                const std::array<std::string_view, kSize>& names,
                const std::array<Counter, kSize>& cells) {
    for (std::size_t i = 0; i < kSize; ++i) {
        if (const std::uint64_t value = cells[i].value(); value != 0) {
            counts[prefix + std::string(names[i])] += value;
        }
    }
}

void add_service(Totals& totals, const UpstreamSeries& series) {
    FlowTotal total;
    add_statuses(total, series.statuses);
    add_buckets(total.took, series.duration);
    for (std::size_t i = 0; i < kUpstreamErrors.size(); ++i) {
        if (const std::uint64_t count = series.errors[i].value(); count != 0) {
            total.requests += count;
            total.errors += count;
            totals.counts["upstream." + series.name + "." + std::string(kUpstreamErrors[i])] +=
                count;
        }
    }
    total.retries = series.retries.value();
    add_count(totals.counts, "shed." + series.name, series.shed.value());
    totals.services[series.name].add(total);
    if (!series.has_state()) {
        return;
    }
    ServiceGauges& gauges = totals.gauges[series.name];
    gauges.active += series.connections_active.value();
    gauges.idle += series.connections_idle.value();
    gauges.waiting += series.waiting.value();
}

}  // namespace

void FlowTotal::add(const FlowTotal& other) {
    requests += other.requests;
    errors += other.errors;
    refused += other.refused;
    retries += other.retries;
    for (std::size_t i = 0; i < took.size(); ++i) {
        took[i] += other.took[i];
    }
}

Totals read_totals(std::span<const MetricBlock* const> blocks) {
    Totals totals;
    for (const MetricBlock* const block : blocks) {
        block->routes.each([&](const RouteSeries& route) {
            if (const FlowTotal total = total_of(route); total.requests != 0) {
                totals.routes[route.name].add(total);
                totals.all.add(total);
            }
        });
        block->upstreams.each([&](const UpstreamSeries& s) { add_service(totals, s); });
        block->protocols.each([&](const ProtocolGauges& protocol) {
            totals.in_progress += protocol.in_progress.value();
            totals.connections += protocol.active_connections.value();
        });
        block->rate_limits.each([&](const NamedCounter& policy) {
            add_count(totals.counts, "limit." + policy.name, policy.count.value());
        });
        add_counts(totals.counts, "auth.", kAuthAttempts, block->auth_attempts);
        add_counts(totals.counts, "token.", kTokenErrors, block->token_errors);
        add_counts(totals.counts, "violation.", kViolations, block->violations);
        add_counts(totals.counts, "tenant.", kCrossTenant, block->cross_tenant);
        add_counts(totals.counts, "priority.", kPriorities, block->shed);
        add_counts(totals.counts, "hit.", kCaches, block->cache_hits);
        add_counts(totals.counts, "miss.", kCaches, block->cache_misses);
    }
    return totals;
}

double quantile_of(const DurationCounts& counts, double share) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts) {
        sum += count;
    }
    if (sum == 0) {
        return 0;
    }
    const double rank = share * static_cast<double>(sum);
    double below = 0;
    for (std::size_t i = 0; i < kDurationBoundsUs.size(); ++i) {
        const auto here = static_cast<double>(counts[i]);
        if (below + here >= rank && here > 0) {
            const double from = i == 0 ? 0 : static_cast<double>(kDurationBoundsUs[i - 1]);
            const auto to = static_cast<double>(kDurationBoundsUs[i]);
            return (from + (to - from) * (rank - below) / here) / 1e6;
        }
        below += here;
    }
    // In the open bucket nothing better is known than where it begins.
    return static_cast<double>(kDurationBoundsUs.back()) / 1e6;
}

}  // namespace gw::observe
