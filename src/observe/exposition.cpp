#include "observe/exposition.hpp"

#include <dirent.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>

#include "base/version.hpp"

namespace gw::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

// Families in the order of their first mention, series with equal labels summed.
class Sums {
  public:
    void add(const char* name, const char* help, MetricType type, const Labels& labels, double value) {
        ClientMetric& metric = series(name, help, type, labels);
        if (type == MetricType::Counter) {
            metric.counter.value += value;
        } else {
            metric.gauge.value += value;
        }
    }
    // unit: what one counted unit is in the metric's unit.
    template <const auto& kBounds>
    void add(const char* name, const char* help, const Labels& labels, const Histogram<kBounds>& histogram,
             double unit) {
        ClientMetric& metric = series(name, help, MetricType::Histogram, labels);
        auto& sum = metric.histogram;
        if (sum.bucket.empty()) {
            for (const std::uint64_t bound : kBounds) {
                sum.bucket.push_back({0, static_cast<double>(bound) * unit});
            }
            sum.bucket.push_back({0, std::numeric_limits<double>::infinity()});
        }
        // The parts are read while a worker counts; the total is made of them, so that they always agree.
        std::uint64_t cumulative = 0;
        for (std::size_t i = 0; i < sum.bucket.size(); ++i) {
            cumulative += histogram.count(i);
            sum.bucket[i].cumulative_count += cumulative;
        }
        sum.sample_count += cumulative;
        sum.sample_sum += static_cast<double>(histogram.sum()) * unit;
    }
    [[nodiscard]] std::vector<MetricFamily> families() && {
        std::vector<MetricFamily> result;
        for (const std::string& name : order_) {
            Family& family = families_.at(name);
            for (auto& [labels, metric] : family.series) {
                family.family.metric.push_back(std::move(metric));
            }
            result.push_back(std::move(family.family));
        }
        return result;
    }

  private:
    struct Family {
        MetricFamily family;
        std::map<Labels, ClientMetric> series;
    };
    ClientMetric& series(const char* name, const char* help, MetricType type, const Labels& labels) {
        auto [family, fresh] = families_.try_emplace(name);
        if (fresh) {
            family->second.family.name = name;
            family->second.family.help = help;
            family->second.family.type = type;
            order_.emplace_back(name);
        }
        auto [metric, first] = family->second.series.try_emplace(labels);
        if (first) {
            metric->second.label.push_back({"service", "api-gateway"});
            for (const auto& [label, value] : labels) {
                metric->second.label.push_back({label, value});
            }
        }
        return metric->second;
    }

    std::map<std::string, Family> families_;
    std::vector<std::string> order_;
};

constexpr double kMicroseconds = 1e-6;
constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;

void add_route(Sums& sums, const RouteSeries& route) {
    route.methods.each([&](const MethodSeries& method) {
        const std::string name(method.method);
        method.statuses.each([&](const StatusSeries& status) {
            sums.add("http_requests_total", "Requests answered.", kCounter,
                     {{"method", name}, {"route", route.name}, {"status_code", std::to_string(status.status)}},
                     static_cast<double>(status.count.value()));
        });
        sums.add("http_request_duration_seconds",
                 "Time from the first byte of a request to the last of its response.",
                 {{"method", name}, {"route", route.name}}, method.duration, kMicroseconds);
    });
    sums.add("http_request_size_bytes", "Bytes of request bodies.", {{"route", route.name}},
             route.request_size, 1.0);
    sums.add("http_response_size_bytes", "Bytes of response bodies.", {{"route", route.name}},
             route.response_size, 1.0);
}

void add_upstream(Sums& sums, const UpstreamSeries& upstream) {
    const std::pair<std::string, std::string> name{"upstream", upstream.name};
    upstream.statuses.each([&](const StatusSeries& status) {
        sums.add("downstream_requests_total", "Answers of services.", kCounter,
                 {name, {"status_code", std::to_string(status.status)}},
                 static_cast<double>(status.count.value()));
    });
    sums.add("downstream_request_duration_seconds", "Time until a service's answer began.", {name},
             upstream.duration, kMicroseconds);
    for (std::size_t i = 0; i < kUpstreamErrors.size(); ++i) {
        sums.add("downstream_errors_total", "Attempts at a service that failed.", kCounter,
                 {name, {"error_type", std::string(kUpstreamErrors[i])}},
                 static_cast<double>(upstream.errors[i].value()));
    }
    sums.add("downstream_retries_total", "Requests sent to a service again.", kCounter, {name},
             static_cast<double>(upstream.retries.value()));
    sums.add("upstream_connections", "Connections to a service.", kGauge, {name, {"state", "idle"}},
             static_cast<double>(upstream.connections_idle.value()));
    sums.add("upstream_connections", "Connections to a service.", kGauge, {name, {"state", "active"}},
             static_cast<double>(upstream.connections_active.value()));
}

void add_worker(Sums& sums, const MetricBlock& block, std::size_t worker) {
    block.routes.each([&](const RouteSeries& route) { add_route(sums, route); });
    block.upstreams.each([&](const UpstreamSeries& upstream) { add_upstream(sums, upstream); });
    block.protocols.each([&](const ProtocolGauges& protocol) {
        const Labels labels{{"protocol", protocol.name}};
        sums.add("http_requests_in_progress", "Requests being served.", kGauge, labels,
                 static_cast<double>(protocol.in_progress.value()));
        sums.add("active_connections", "Connections of clients.", kGauge, labels,
                 static_cast<double>(protocol.active_connections.value()));
    });
    for (std::size_t i = 0; i < kViolations.size(); ++i) {
        sums.add("security_violations_total", "Requests that look like attacks.", kCounter,
                 {{"violation_type", std::string(kViolations[i])}},
                 static_cast<double>(block.violations[i].value()));
    }
    block.dangerous_headers.each([&](const NamedCounter& header) {
        sums.add("dangerous_headers_filtered_total", "Header fields of clients that only the gateway may set.",
                 kCounter, {{"header_name", header.name}}, static_cast<double>(header.count.value()));
    });
    sums.add("event_loop_lag_seconds", "Time a loop turn took.", {{"worker", std::to_string(worker)}},
             block.loop_lag, kMicroseconds);
}

std::size_t open_descriptors() {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir("/proc/self/fd"), &::closedir};
    std::size_t count = 0;
    while (directory != nullptr && ::readdir(directory.get()) != nullptr) {
        ++count;
    }
    return count > 3 ? count - 3 : 0;   // ".", ".." and the directory itself
}

void add_process(Sums& sums, WallTime started) {
    const auto gauge = [&](const char* name, const char* help, double value) {
        sums.add(name, help, kGauge, {}, value);
    };
    double pages = 0;
    double resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.", resident * page);
    gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", pages * page);
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    sums.add("process_cpu_seconds_total", "User and system CPU time spent in seconds.", kCounter, {},
             seconds(usage.ru_utime) + seconds(usage.ru_stime));
    gauge("process_open_fds", "Number of open file descriptors.", static_cast<double>(open_descriptors()));
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    gauge("process_max_fds", "Maximum number of open file descriptors.", static_cast<double>(limit.rlim_cur));
    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
          static_cast<double>(epoch_ms(started)) / 1000.0);
}

}  // namespace

std::string Exposition::text() const {
    Sums sums;
    for (const Block& block : blocks_) {
        add_worker(sums, *block.block, block.worker);
    }
    const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
    sums.add("config_reloads_total", "Configurations read again.", kCounter, {{"result", "success"}},
             count(reloads_));
    sums.add("config_reloads_total", "Configurations read again.", kCounter, {{"result", "refused"}},
             count(refusals_));
    sums.add("config_hash_info", "The configuration in force.", kGauge, {{"hash", hash_}}, 1);
    sums.add("log_lines_dropped_total", "Log lines that the output did not take.", kCounter, {},
             count(sink_.dropped_lines()));
    sums.add("build_info", "What is running.", kGauge, {{"version", std::string(kVersion)}}, 1);
    add_process(sums, started_);
    return prometheus::TextSerializer{}.Serialize(std::move(sums).families());
}

}  // namespace gw::observe
