#include "app/memory_pressure.hpp"

#include <algorithm>

namespace gw::app {

MemoryPressure::MemoryPressure(Foundation& base, Workers& workers)
    : base_(base),
      workers_(workers),
      watch_(
          base.loop,
          [this](gateway::Pressure pressure, std::uint64_t used) { changed(pressure, used); },
          [this] { workers_.each([](Worker& worker) { worker.drop_reserves(); }); }) {}

void MemoryPressure::configure() {
    watch_.configure(std::uint64_t{base_.settings->overload.memory_max_mb} << 20);
    // A quarter of what there is; but one body at least, however little that is.
    constexpr std::uint64_t kLeast = 4UL * 1024 * 1024;
    const std::uint64_t most = watch_.most() / 4 / workers_.count();
    workers_.each([&](Worker& worker) {
        worker.limit_held_bodies(watch_.most() == 0 ? 0 : std::max(most, kLeast));
    });
}

void MemoryPressure::changed(gateway::Pressure pressure, std::uint64_t used) {
    now_ = pressure;
    workers_.each([&](Worker& worker) { worker.adopt_pressure(pressure); });
    base_.exposition.memory_pressure(static_cast<int>(pressure));
    const auto used_mb = static_cast<std::int64_t>(used >> 20);
    if (pressure == gateway::Pressure::none) {
        base_.log.info("there is memory again", {{"usedMb", used_mb}});
    } else {
        base_.log.warn("memory runs short: requests are refused, reads first",
                       {{"usedMb", used_mb}, {"pressure", static_cast<std::int64_t>(pressure)}});
    }
}

net::Task<void> MemoryPressure::stop() {
    watch_.stop();
    co_await watch_.all_done();
}

}  // namespace gw::app
