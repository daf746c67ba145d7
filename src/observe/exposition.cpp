#include "observe/exposition.hpp"

#include <dirent.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "base/ensure.hpp"
#include "base/version.hpp"

namespace gw::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

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

MetricType type_of(Kind kind) {
    switch (kind) {
        case Kind::counter:
            return MetricType::Counter;
        case Kind::gauge:
            return MetricType::Gauge;
        default:
            return MetricType::Histogram;
    }
}

using Values = std::vector<std::string>;

// Adds up the series of all workers that have the same labels.
class Sums {
  public:
    void add(Metric which, const Values& labels, double value) {
        ClientMetric& sum = series(which, labels);
        (entry(which).kind == Kind::counter ? sum.counter.value : sum.gauge.value) += value;
    }
    void add(Metric which, const Values& labels, std::uint64_t value) {
        add(which, labels, static_cast<double>(value));
    }
    template <const auto& kBounds>
    void add(Metric which, const Values& labels, const Histogram<kBounds>& counted) {
        auto& sum = series(which, labels).histogram;
        // A quotient is the double next to what the contract says, ".0025"; a product need not be.
        const double per_unit = entry(which).kind == Kind::seconds ? 1e6 : 1.0;
        if (sum.bucket.empty()) {
            for (const std::uint64_t bound : kBounds) {
                sum.bucket.push_back({0, static_cast<double>(bound) / per_unit});
            }
            sum.bucket.push_back({0, std::numeric_limits<double>::infinity()});
        }
        // The parts are read while a worker counts; the total is made of them, so that they agree.
        std::uint64_t cumulative = 0;
        for (std::size_t i = 0; i < sum.bucket.size(); ++i) {
            cumulative += counted.count(i);
            sum.bucket[i].cumulative_count += cumulative;
        }
        sum.sample_count += cumulative;
        sum.sample_sum += static_cast<double>(counted.sum()) / per_unit;
    }
    [[nodiscard]] std::string text() && {
        std::vector<MetricFamily> families;
        for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
            if (series_[i].empty()) {
                continue;
            }
            MetricFamily& family = families.emplace_back();
            family.name = kCatalogue[i].name;
            family.help = kCatalogue[i].help;
            family.type = type_of(kCatalogue[i].kind);
            for (auto& [labels, metric] : series_[i]) {
                family.metric.push_back(std::move(metric));
            }
        }
        return prometheus::TextSerializer{}.Serialize(families);
    }

  private:
    static const Entry& entry(Metric which) { return kCatalogue[static_cast<std::size_t>(which)]; }

    ClientMetric& series(Metric which, const Values& values) {
        auto [found, fresh] = series_[static_cast<std::size_t>(which)].try_emplace(values);
        ClientMetric& metric = found->second;
        if (!fresh) {
            return metric;
        }
        metric.label.push_back({"service", "api-gateway"});
        std::string_view names = entry(which).labels;
        for (const std::string& value : values) {
            const std::size_t end = std::min(names.find(' '), names.size());
            ensure(end > 0, "a metric has as many values as the catalogue has labels");
            metric.label.push_back({std::string(names.substr(0, end)), value});
            names.remove_prefix(std::min(end + 1, names.size()));
        }
        ensure(names.empty(), "a metric has as many values as the catalogue has labels");
        return metric;
    }

    std::array<std::map<Values, ClientMetric>, kCatalogue.size()> series_;
};

void add_route(Sums& sums, const RouteSeries& route) {
    route.methods.each([&](const MethodSeries& method) {
        const std::string name(method.method);
        method.statuses.each([&](const StatusSeries& status) {
            sums.add(Metric::http_requests_total, {name, route.name, std::to_string(status.status)},
                     status.count.value());
        });
        sums.add(Metric::http_request_duration_seconds, {name, route.name}, method.duration);
    });
    sums.add(Metric::http_request_size_bytes, {route.name}, route.request_size);
    sums.add(Metric::http_response_size_bytes, {route.name}, route.response_size);
}

void add_upstream(Sums& sums, const UpstreamSeries& upstream) {
    const std::string& name = upstream.name;
    upstream.statuses.each([&](const StatusSeries& status) {
        sums.add(Metric::downstream_requests_total, {name, std::to_string(status.status)},
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
    sums.add(Metric::upstream_connections, {name, "idle"}, upstream.connections_idle.value());
    sums.add(Metric::upstream_connections, {name, "active"}, upstream.connections_active.value());
}

void add_breakers(Sums& sums, const std::vector<Exposition::BreakerFacts>& breakers) {
    constexpr std::array<const char*, 3> kTo{"closed", "open", "half_open"};
    for (const Exposition::BreakerFacts& breaker : breakers) {
        sums.add(Metric::circuit_breaker_state, {breaker.upstream},
                 static_cast<double>(breaker.state));
        for (std::size_t i = 0; i < kTo.size(); ++i) {
            sums.add(Metric::circuit_breaker_transitions_total, {breaker.upstream, kTo[i]},
                     breaker.transitions[i]);
        }
        sums.add(Metric::circuit_breaker_rejects_total, {breaker.upstream}, breaker.rejects);
    }
}

void add_worker(Sums& sums, const MetricBlock& block, std::size_t worker) {
    block.routes.each([&](const RouteSeries& route) { add_route(sums, route); });
    block.upstreams.each([&](const UpstreamSeries& upstream) { add_upstream(sums, upstream); });
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
    block.rate_limits.each([&](const NamedCounter& policy) {
        sums.add(Metric::rate_limit_exceeded_total, {policy.name}, policy.count.value());
    });
    block.dangerous_headers.each([&](const NamedCounter& header) {
        sums.add(Metric::dangerous_headers_filtered_total, {header.name}, header.count.value());
    });
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

std::string Exposition::text() const {
    Sums sums;
    for (const Block& block : blocks_) {
        add_worker(sums, *block.block, block.worker);
    }
    sums.add(Metric::config_reloads_total, {"success"}, reloads_);
    sums.add(Metric::config_reloads_total, {"refused"}, refusals_);
    sums.add(Metric::config_hash_info, {hash_}, 1.0);
    for (const auto& [name, expires] : expiries_) {
        sums.add(Metric::tls_certificate_expiry_timestamp_seconds, {name},
                 static_cast<double>(epoch_ms(expires)) / 1000.0);
    }
    sums.add(Metric::log_lines_dropped_total, {}, sink_.dropped_lines());
    if (read_breakers_) {
        add_breakers(sums, read_breakers_());
    }
    if (read_endpoints_) {
        for (const EndpointFacts& endpoint : read_endpoints_()) {
            sums.add(Metric::upstream_health, {endpoint.upstream, endpoint.endpoint},
                     endpoint.well ? 1.0 : 0.0);
        }
    }
    sums.add(Metric::state_backend_up, {}, state_backend_up_ ? 1.0 : 0.0);
    sums.add(Metric::build_info, {std::string(kVersion)}, 1.0);
    add_process(sums, started_);
    return std::move(sums).text();
}

}  // namespace gw::observe
