// Looks four times a second how much memory the process has resident, and says when it comes near
// the limit. Control thread.
#pragma once

#include <cstdint>
#include <functional>

#include "gateway/pressure.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"

namespace gw::control {

// What this process has in memory now.
std::uint64_t resident_bytes();

// The limit that the container has (cgroup v2 or v1), in bytes; 0: none that is known.
std::uint64_t container_memory_limit();

class MemoryWatch {
  public:
    // changed: another pressure than before.
    MemoryWatch(net::Loop& loop, std::function<void(gateway::Pressure, std::uint64_t used)> changed)
        : loop_(loop), changed_(std::move(changed)) {}
    MemoryWatch(const MemoryWatch&) = delete;
    MemoryWatch& operator=(const MemoryWatch&) = delete;

    // most: bytes; 0: the container's limit.
    void configure(std::uint64_t most) { most_ = most != 0 ? most : container_memory_limit(); }
    void start() { scope_.spawn(watch()); }
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    net::Task<void> watch();

    net::Loop& loop_;
    std::function<void(gateway::Pressure, std::uint64_t)> changed_;
    std::uint64_t most_ = 0;
    gateway::Pressure pressure_ = gateway::Pressure::none;
    bool stopping_ = false;
    net::Pause pause_{loop_};
    net::Scope scope_;
};

}  // namespace gw::control
