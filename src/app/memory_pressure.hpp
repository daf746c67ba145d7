// Whether memory runs short, and who is told. Control thread.
#pragma once

#include "app/foundation.hpp"
#include "app/workers.hpp"
#include "control/memory_watch.hpp"
#include "gateway/pressure.hpp"
#include "net/task.hpp"

namespace gw::app {

class MemoryPressure {
  public:
    MemoryPressure(Foundation& base, Workers& workers);
    MemoryPressure(const MemoryPressure&) = delete;
    MemoryPressure& operator=(const MemoryPressure&) = delete;

    // By the settings in force.
    void configure();
    void start() { watch_.start(); }
    net::Task<void> stop();

    [[nodiscard]] gateway::Pressure now() const { return now_; }

  private:
    void changed(gateway::Pressure pressure, std::uint64_t used);

    Foundation& base_;
    Workers& workers_;
    gateway::Pressure now_ = gateway::Pressure::none;
    control::MemoryWatch watch_;
};

}  // namespace gw::app
