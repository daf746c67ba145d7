// What a bulkhead costs a request that finds room, and a pick among some endpoints.
#include "upstream/bulkhead.hpp"

#include <benchmark/benchmark.h>

#include "upstream/balancer.hpp"

namespace gw::upstream {
namespace {

class Request final : public Waiter {
    void decided() override {}
};

void with_room(benchmark::State& state) {
    Bulkhead bulkhead({.adaptive = state.range(0) != 0}, 1);
    Instant now{std::chrono::hours(1)};
    for (auto _ : state) {
        now += std::chrono::microseconds(20);
        Request request;
        bulkhead.enter(request, "tenant-0001", 1, Priority::low);
        request.permit.answered(Millis(5), false, {.now = now, .wall = {}});
    }
}
BENCHMARK(with_room)->Arg(0)->Arg(1);

void pick(benchmark::State& state) {
    Balancer balancer({.policy = static_cast<Balancing>(state.range(0))}, 1);
    std::vector<EndpointView> views(10);
    for (std::size_t i = 0; i < views.size(); ++i) {
        views[i].id = i * 977;
    }
    std::uint64_t key = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(balancer.pick(views, ++key));
    }
}
BENCHMARK(pick)->DenseRange(0, 3);

}  // namespace
}  // namespace gw::upstream
