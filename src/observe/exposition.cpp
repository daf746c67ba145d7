#include "observe/exposition.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <utility>

#include "base/ensure.hpp"
#include "base/version.hpp"
#include "observe/route_totals.hpp"

namespace gw::observe {
namespace {

enum class Metric : std::uint8_t {
#define METRIC(name, kind, labels, help) name,
#include "observe/metrics.def"
#undef METRIC
};

enum class Kind : std::uint8_t { counter, gauge, seconds, bytes };

struct Entry {
    const char* name;
    Kind kind;
    std::string_view labels;
    const char* help;
};

constexpr std::array kCatalogue{
#define METRIC(name, kind, labels, help) Entry{#name, Kind::kind, labels, help},
#include "observe/metrics.def"
#undef METRIC
};

MetricKind kind_of(Kind kind) {
    switch (kind) {
        case Kind::counter:
            return MetricKind::counter;
        case Kind::gauge:
            return MetricKind::gauge;
        default:
            return MetricKind::histogram;
    }
}

using Values = std::vector<std::string>;

// Adds up the series of all workers that have the same labels.
class Sums {
  public:
    explicit Sums(TextFormat format)
        : text_(format),
          seconds_(kDurationBoundsUs, 1e6, format),
          bytes_(kSizeBounds, 1.0, format) {}

    void add(Metric which, const Values& labels, double value) {
        series_[index(which)][labels].value += value;
    }
    void add(Metric which, const Values& labels, std::uint64_t value) {
        add(which, labels, static_cast<double>(value));
    }
    template <const auto& kBounds>
    void add(Metric which, const Values& labels, const Histogram<kBounds>& counted) {
        Sum& sum = series_[index(which)][labels];
        sum.counts.resize(Histogram<kBounds>::kBuckets);
        for (std::size_t i = 0; i < sum.counts.size(); ++i) {
            sum.counts[i] += counted.count(i);
        }
        sum.total += counted.sum();
    }
    // room: for as many bytes as it was last time; growing by copies would cost more than writing.
    [[nodiscard]] std::string text(const RouteTotals& routes, std::size_t room) const {
        std::string out;
        out.reserve(room);
        for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
            const auto of_routes = lines_of(static_cast<Metric>(i));
            if (series_[i].empty() && of_routes == nullptr) {
                continue;
            }
            const Entry& entry = kCatalogue[i];
            text_.family(out, entry.name, kind_of(entry.kind), entry.help);
            if (of_routes != nullptr) {
                (routes.*of_routes)(out);
            }
            for (const auto& [values, sum] : series_[i]) {
                write(out, entry, labels_of(entry, values), sum);
            }
        }
        text_.end(out);
        return out;
    }
    [[nodiscard]] const MetricText& writer() const { return text_; }

  private:
    struct Sum {
        double value = 0;
        std::vector<std::uint64_t> counts;  // of a histogram's buckets
        std::uint64_t total = 0;
    };
    static std::size_t index(Metric which) { return static_cast<std::size_t>(which); }

    using RouteLines = void (RouteTotals::*)(std::string&) const;
    static RouteLines lines_of(Metric which) {
        switch (which) {
            case Metric::http_requests_total:
                return &RouteTotals::requests;
            case Metric::http_request_duration_seconds:
                return &RouteTotals::durations;
            case Metric::http_request_size_bytes:
                return &RouteTotals::request_sizes;
            case Metric::http_response_size_bytes:
                return &RouteTotals::response_sizes;
            default:
                return nullptr;
        }
    }

    void write(std::string& out, const Entry& entry, const std::string& labels,
               const Sum& sum) const {
        if (kind_of(entry.kind) != MetricKind::histogram) {
            MetricText::sample(out, entry.name, labels, sum.value);
            return;
        }
        text_.histogram(out, entry.name, labels, entry.kind == Kind::seconds ? seconds_ : bytes_,
                        {.counts = sum.counts, .sum = sum.total, .exemplars = {}});
    }

    static std::string labels_of(const Entry& entry, const Values& values) {
        std::string labels;
        append_label(labels, "service", "api-gateway");
        std::string_view names = entry.labels;
        for (const std::string& value : values) {
            const std::size_t end = std::min(names.find(' '), names.size());
            ensure(end > 0, "a metric has as many values as the catalogue has labels");
            append_label(labels, names.substr(0, end), value);
            names.remove_prefix(std::min(end + 1, names.size()));
        }
        ensure(names.empty(), "a metric has as many values as the catalogue has labels");
        return labels;
    }

    MetricText text_;
    BucketNames seconds_;
    BucketNames bytes_;
    std::array<std::map<Values, Sum>, kCatalogue.size()> series_;
};

void add_upstream(Sums& sums, const UpstreamSeries& upstream) {
    const std::string& name = upstream.name;
    for (const int status : kFromTheStart) {
        sums.add(Metric::downstream_requests_total, {name, status_text(status)}, std::uint64_t{0});
    }
    upstream.statuses.each([&](const StatusSeries& status) {
        sums.add(Metric::downstream_requests_total, {name, status_text(status.status)},
                 status.count.value());
    });
    sums.add(Metric::downstream_request_duration_seconds, {name}, upstream.duration);
    for (std::size_t i = 0; i < kUpstreamErrors.size(); ++i) {
        sums.add(Metric::downstream_errors_total, {name, std::string(kUpstreamErrors[i])},
                 upstream.errors[i].value());
    }
    sums.add(Metric::downstream_retries_total, {name}, upstream.retries.value());
    sums.add(Metric::upstream_stale_retries_total, {name}, upstream.stale_retries.value());
    sums.add(Metric::upstream_hedges_total, {name}, upstream.hedges.value());
    if (upstream.has(UpstreamSeries::kMirror)) {
        for (std::size_t i = 0; i < kMirrored.size(); ++i) {
            sums.add(Metric::mirrored_requests_total, {name, std::string(kMirrored[i])},
                     upstream.mirrored[i].value());
        }
    }
    if (upstream.has(UpstreamSeries::kPart)) {
        for (std::size_t i = 0; i < kAnswerParts.size(); ++i) {
            sums.add(Metric::answer_parts_total, {name, std::string(kAnswerParts[i])},
                     upstream.parts[i].value());
        }
    }
    if (upstream.has(UpstreamSeries::kCanary)) {
        sums.add(Metric::canary_fallbacks_total, {name}, upstream.canary_fallbacks.value());
    }
    sums.add(Metric::upstream_requests_shed_total, {name}, upstream.shed.value());
    if (!upstream.has_state()) {
        return;
    }
    sums.add(Metric::upstream_requests_waiting, {name}, upstream.waiting.value());
    sums.add(Metric::upstream_concurrency_limit, {name}, upstream.concurrency_limit.value());
    sums.add(Metric::upstream_connections, {name, "idle"}, upstream.connections_idle.value());
    sums.add(Metric::upstream_connections, {name, "active"}, upstream.connections_active.value());
}

// States of services cannot be told together: what has no room is left out.
std::uint64_t add_breakers(Sums& sums, const std::vector<Exposition::BreakerFacts>& breakers) {
    constexpr std::array<const char*, 3> kTo{"closed", "open", "half_open"};
    const std::size_t shown = std::min(breakers.size(), Exposition::kBreakersMost);
    for (const Exposition::BreakerFacts& breaker : std::span(breakers).first(shown)) {
        sums.add(Metric::circuit_breaker_state, {breaker.upstream},
                 static_cast<double>(breaker.state));
        for (std::size_t i = 0; i < kTo.size(); ++i) {
            sums.add(Metric::circuit_breaker_transitions_total, {breaker.upstream, kTo[i]},
                     breaker.transitions[i]);
        }
        sums.add(Metric::circuit_breaker_rejects_total, {breaker.upstream}, breaker.rejects);
    }
    return breakers.size() - shown;
}

void add_worker(Sums& sums, const MetricBlock& block, std::size_t worker) {
    block.upstreams.each([&](const UpstreamSeries& upstream) { add_upstream(sums, upstream); });
    block.routes.each([&](const RouteSeries& route) {
        if (route.is_guarded()) {
            sums.add(Metric::idempotency_unguarded_total, {route.name}, route.unguarded.value());
        }
    });
    block.protocols.each([&](const ProtocolGauges& protocol) {
        sums.add(Metric::http_requests_in_progress, {protocol.name}, protocol.in_progress.value());
        sums.add(Metric::active_connections, {protocol.name}, protocol.active_connections.value());
    });
    const auto add_each = [&](Metric which, const auto& names, const auto& counters) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            sums.add(which, {std::string(names[i])}, counters[i].value());
        }
    };
    add_each(Metric::auth_attempts_total, kAuthAttempts, block.auth_attempts);
    add_each(Metric::jwt_validation_errors_total, kTokenErrors, block.token_errors);
    add_each(Metric::cross_tenant_attempts_total, kCrossTenant, block.cross_tenant);
    add_each(Metric::security_violations_total, kViolations, block.violations);
    add_each(Metric::requests_shed_total, kPriorities, block.shed);
    add_each(Metric::compressed_responses_total, kCodings, block.compressed);
    add_each(Metric::invalid_requests_total, kInvalid, block.invalid_requests);
    add_each(Metric::cache_hits_total, kCaches, block.cache_hits);
    add_each(Metric::cache_misses_total, kCaches, block.cache_misses);
    for (const Cache cache : {Cache::response, Cache::shared}) {
        const auto at = static_cast<std::size_t>(cache);
        sums.add(Metric::cache_errors_total, {std::string(kCaches[at])},
                 block.cache_errors[at].value());
    }
    block.rate_limits.each([&](const NamedCounter& policy) {
        sums.add(Metric::rate_limit_exceeded_total, {policy.name}, policy.count.value());
    });
    block.dangerous_headers.each([&](const NamedCounter& header) {
        sums.add(Metric::dangerous_headers_filtered_total, {header.name}, header.count.value());
    });
    add_each(Metric::tls_handshakes_total, kHandshakes, block.handshakes);
    sums.add(Metric::websocket_tunnels, {}, block.tunnels.value());
    add_each(Metric::websocket_tunnels_ended_total, kTunnelEnds, block.tunnel_ends);
    add_each(Metric::websocket_bytes_total, kTunnelBytes, block.tunnel_bytes);
    sums.add(Metric::event_loop_lag_seconds, {std::to_string(worker)}, block.loop_lag);
}

// Entries of a directory of /proc, without "." and "..".
std::uint64_t entries(const char* path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path), &::closedir};
    std::uint64_t count = 0;
    while (directory != nullptr && ::readdir(directory.get()) != nullptr) {
        ++count;
    }
    return count > 2 ? count - 2 : 0;
}

void add_process(Sums& sums, WallTime started) {
    double pages = 0;
    double resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    sums.add(Metric::process_resident_memory_bytes, {}, resident * page);
    sums.add(Metric::process_virtual_memory_bytes, {}, pages * page);
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    sums.add(Metric::process_cpu_seconds_total, {},
             seconds(usage.ru_utime) + seconds(usage.ru_stime));
    // One of them is the directory that we look into.
    const std::uint64_t descriptors = entries("/proc/self/fd");
    sums.add(Metric::process_open_fds, {}, descriptors > 0 ? descriptors - 1 : 0);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    sums.add(Metric::process_max_fds, {}, std::uint64_t{limit.rlim_cur});
    sums.add(Metric::process_threads, {}, entries("/proc/self/task"));
    sums.add(Metric::process_start_time_seconds, {},
             static_cast<double>(epoch_ms(started)) / 1000.0);
}

}  // namespace

Exposition::OverBudget Exposition::over_budget() const {
    OverBudget over{{"circuit_breaker_state", 0},
                    {"dangerous_headers_filtered_total", 0},
                    {"downstream_requests_total", 0},
                    {"http_requests_total", 0},
                    {"rate_limit_exceeded_total", 0}};
    for (const Block& block : blocks_) {
        const Budgets& budgets = block.block->budgets;
        over["dangerous_headers_filtered_total"] += budgets.headers.refused.value();
        over["downstream_requests_total"] +=
            budgets.upstreams.refused.value() + budgets.upstream_statuses.refused.value();
        over["http_requests_total"] += budgets.routes.refused.value() +
                                       budgets.methods.refused.value() +
                                       budgets.statuses.refused.value();
        over["rate_limit_exceeded_total"] += budgets.policies.refused.value();
    }
    return over;
}

std::string Exposition::text(TextFormat format) {
    Sums sums(format);
    std::vector<const MetricBlock*> blocks;
    for (const Block& block : blocks_) {
        blocks.push_back(block.block);
        add_worker(sums, *block.block, block.worker);
    }
    sums.add(Metric::config_reloads_total, {"success"}, reloads_);
    sums.add(Metric::config_reloads_total, {"refused"}, refusals_);
    sums.add(Metric::config_last_reload_successful, {}, refused_ ? 0.0 : 1.0);
    sums.add(Metric::config_hash_info, {hash_}, 1.0);
    for (const auto& [name, expires] : expiries_) {
        sums.add(Metric::tls_certificate_expiry_timestamp_seconds, {name},
                 static_cast<double>(epoch_ms(expires)) / 1000.0);
    }
    for (const auto& [name, ends] : staples_) {
        sums.add(Metric::tls_ocsp_response_expiry_timestamp_seconds, {name},
                 static_cast<double>(epoch_ms(ends)) / 1000.0);
    }
    sums.add(Metric::log_lines_dropped_total, {}, sink_.dropped_lines());
    OverBudget over = over_budget();
    if (read_breakers_) {
        over["circuit_breaker_state"] += add_breakers(sums, read_breakers_());
    }
    if (read_endpoints_) {
        for (const EndpointFacts& endpoint : read_endpoints_()) {
            sums.add(Metric::upstream_health, {endpoint.upstream, endpoint.endpoint},
                     endpoint.well ? 1.0 : 0.0);
        }
    }
    if (read_tenants_) {
        for (const TenantFacts& tenant : read_tenants_()) {
            sums.add(Metric::upstream_tenant_requests, {tenant.upstream, tenant.tenant},
                     static_cast<double>(tenant.requests));
        }
    }
    if (read_knobs_) {
        for (const KnobFacts& knob : read_knobs_()) {
            sums.add(Metric::knob_override_active, {knob.knob}, knob.active ? 1.0 : 0.0);
        }
    }
    const TraceFacts traces = read_traces_ ? read_traces_() : TraceFacts{};
    sums.add(Metric::traces_sent_total, {}, traces.sent);
    sums.add(Metric::traces_dropped_total, {}, traces.dropped);
    sums.add(Metric::memory_pressure, {}, static_cast<double>(memory_pressure_));
    for (const auto& [metric, count] : over) {
        sums.add(Metric::metric_series_over_budget_total, {std::string(metric)}, count);
        if (count > 0 && told_.insert(metric).second && over_budget_) {
            over_budget_(metric);
        }
    }
    sums.add(Metric::cache_errors_total, {"key_set"},
             read_key_set_failures_ ? read_key_set_failures_() : 0);
    const Millis age = read_key_set_age_ ? read_key_set_age_() : Millis{0};
    sums.add(Metric::key_set_age_seconds, {}, static_cast<double>(age.count()) / 1000.0);
    sums.add(Metric::state_backend_up, {}, state_backend_up_ ? 1.0 : 0.0);
    sums.add(Metric::state_backend_slow, {}, state_backend_slow_ ? 1.0 : 0.0);
    const Millis lag = read_state_lag_ ? read_state_lag_() : Millis{0};
    sums.add(Metric::state_replication_lag_seconds, {}, static_cast<double>(lag.count()) / 1000.0);
    for (const auto& [peer, up] : peers_up_) {
        sums.add(Metric::state_peer_up, {peer}, up ? 1.0 : 0.0);
    }
    sums.add(Metric::build_info, {std::string(kVersion), commit_}, 1.0);
    sums.add(Metric::gateway_info, {instance_id_, region_}, 1.0);
    add_process(sums, started_);
    std::string text = sums.text(RouteTotals(blocks, sums.writer()), room_);
    room_ = text.size() + text.size() / 8;
    return text;
}

}  // namespace gw::observe
