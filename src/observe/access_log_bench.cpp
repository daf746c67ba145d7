// What a request pays to be seen: its access line and its counts.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <cstdlib>
#include <new>

#include "observe/access_log.hpp"
#include "observe/metrics.hpp"

namespace {

std::size_t allocations = 0;  // of the benchmark's thread; the log's writer only frees

thread_local bool counted = false;

}  // namespace

void* operator new(std::size_t size) {
    allocations += counted ? 1 : 0;
    if (void* const memory = std::malloc(size)) {
        return memory;
    }
    std::abort();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}

namespace gw::observe {
namespace {

AccessRecord record() {
    AccessRecord r;
    r.time = WallTime(Millis(1'795'417'200'123));
    r.request_id = "7f3c9a52-0d1e-4b6f-9c55-2f1b7e0a4d38";
    r.trace_id = "0af7651916cd43dd8448eb211c80319c";
    r.method = "GET";
    r.path = "/api/v1/venues/7f3c9a52-0d1e-4b6f/events";
    r.route = "/api/v1/venues/**";
    r.status = 200;
    r.duration = std::chrono::microseconds(1'834);
    r.upstream = "venue-service";
    r.upstream_duration = std::chrono::microseconds(1'702);
    r.ip = "203.0.113.77";
    r.user_id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    r.tenant_id = "tenant-a";
    r.bytes_out = 1024;
    r.protocol = "HTTP/1.1";
    r.outcome = "upstream";
    return r;
}

// Time goes on as on a busy worker: 100,000 requests a second.
void run(benchmark::State& state, AccessRecord r, bool lines, bool counts) {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    {
        LogSink sink(null, SIZE_MAX);
        AccessLog log(sink);
        MetricBlock block;
        RouteSeries& route = block.route(r.route);
        UpstreamSeries& upstream = block.upstream(r.upstream);
        constexpr std::array<std::string_view, 3> kMethods{"GET", "POST", "PUT"};
        constexpr std::array kStatuses{200, 201, 204, 404};
        std::size_t turn = 0;
        allocations = 0;
        counted = true;
        for (auto _ : state) {
            r.time += std::chrono::microseconds(10);
            if (lines) {
                log.write(r);
            }
            if (counts) {
                ++turn;
                upstream.answered(kStatuses[turn % 4], *r.upstream_duration);
                route.finished(kMethods[turn % 3], kStatuses[turn % 4], r.duration, r.bytes_in,
                               r.bytes_out);
            }
            benchmark::ClobberMemory();
        }
        counted = false;
        state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations),
                                                           benchmark::Counter::kAvgIterations);
    }
    ::close(null);
}

void line_and_counts(benchmark::State& state) {
    run(state, record(), true, true);
}
void line_alone(benchmark::State& state) {
    run(state, record(), true, false);
}
void counts_alone(benchmark::State& state) {
    run(state, record(), false, true);
}
void line_with_query(benchmark::State& state) {
    AccessRecord r = record();
    r.query = "page=2&limit=50&from=2026-11-23";
    r.has_query = true;
    run(state, r, true, false);
}
void line_to_escape(benchmark::State& state) {
    AccessRecord r = record();
    r.path = "/api/v1/venues/\"caf\xC3\xA9\"/events";
    run(state, r, true, false);
}

BENCHMARK(line_and_counts);
BENCHMARK(line_alone);
BENCHMARK(counts_alone);
BENCHMARK(line_with_query);
BENCHMARK(line_to_escape);

}  // namespace
}  // namespace gw::observe
