// Looks four times a second how much memory is in use, and says when it comes near the limit: what
// the process has resident where the limit is of the settings, what its container is charged for
// where it is the container's, which is more by what the kernel holds for sockets. What was freed
// and is still resident is given back to the system first: it is no reason to send anybody away.
// Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <optional>

#include "gateway/pressure.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"

namespace gw::control {

// What this process has in memory now.
std::uint64_t resident_bytes();

// What of `current` bytes (memory.current) the kernel cannot take back by itself when it needs
// them: files that it keeps, and its notes of them, are left out. stat: memory.stat. Pure.
std::uint64_t held_by_container(std::uint64_t current, std::istream& stat);
// The same of this process's container, in bytes. Nothing: no cgroup of version 2 tells; what
// version 1 tells has no sockets in it.
std::optional<std::uint64_t> container_memory_held();

// The limit that the container has (cgroup v2 or v1), in bytes; 0: none that is known.
std::uint64_t container_memory_limit();

class MemoryWatch {
  public:
    // changed: another pressure than before. spare: who keeps memory for later gives it up; it
    // counts with the next look.
    MemoryWatch(net::Loop& loop, std::function<void(gateway::Pressure, std::uint64_t used)> changed,
                std::function<void()> spare)
        : loop_(loop), changed_(std::move(changed)), spare_(std::move(spare)) {}
    MemoryWatch(const MemoryWatch&) = delete;
    MemoryWatch& operator=(const MemoryWatch&) = delete;

    // most: bytes; 0: the container's limit.
    void configure(std::uint64_t most);
    // Bytes; 0: no limit is known.
    [[nodiscard]] std::uint64_t most() const { return most_; }
    void start() { scope_.spawn(watch()); }
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    net::Task<void> watch();
    [[nodiscard]] gateway::Pressure look(std::uint64_t& used);
    [[nodiscard]] std::uint64_t used() const;

    net::Loop& loop_;
    std::function<void(gateway::Pressure, std::uint64_t)> changed_;
    std::function<void()> spare_;
    std::uint64_t most_ = 0;
    bool by_container_ = false;
    gateway::Pressure pressure_ = gateway::Pressure::none;
    Instant trim_again_{};
    bool stopping_ = false;
    net::Pause pause_{loop_};
    net::Scope scope_;
};

}  // namespace gw::control
