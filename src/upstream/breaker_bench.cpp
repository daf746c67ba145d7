// What a breaker costs a request while it is closed: alone, and with another worker beside it.
#include <benchmark/benchmark.h>

#include "upstream/breaker_call.hpp"

namespace gw::upstream {
namespace {

void closed(benchmark::State& state) {
    static Breaker breaker("x", {}, 1, [](const std::string&) {});
    Instant now{std::chrono::hours(1)};
    for (auto _ : state) {
        now += std::chrono::microseconds(10);
        BreakerCall call(breaker, now);
        benchmark::DoNotOptimize(call.admitted());
        call.tell(Breaker::Result::success, now);
    }
}
BENCHMARK(closed)->Threads(1)->Threads(2);

}  // namespace
}  // namespace gw::upstream
