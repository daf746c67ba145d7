// A scrape with a thousand routes that are all in use, by two methods on two workers.
#include <benchmark/benchmark.h>

#include <string>

#include "observe/exposition.hpp"

namespace gw::observe {
namespace {

void scrape(benchmark::State& state) {
    LogSink sink(-1);
    Exposition exposition(sink, WallTime{});
    std::array<MetricBlock, 2> blocks;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        exposition.add_block(blocks[i], i);
        for (int route = 0; route < state.range(0); ++route) {
            RouteSeries& series =
                blocks[i].route("/api/v1/things-" + std::to_string(route) + "/**");
            series.finished("GET", 200, Millis{3}, 0, 1'000);
            series.finished("POST", 201, Millis{3}, 0, 1'000);
            series.finished("POST", 503, Millis{3}, 0, 1'000);
        }
    }
    std::size_t bytes = 0;
    for (auto _ : state) {
        bytes = exposition.text(TextFormat::open_metrics).size();
        benchmark::DoNotOptimize(bytes);
    }
    state.counters["bytes"] = static_cast<double>(bytes);
}

BENCHMARK(scrape)->Arg(20)->Arg(1'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gw::observe
