#include "control/memory_watch.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace gw::control {
namespace {

constexpr Millis kEvery{250};
// The allocator's locks are held meanwhile.
constexpr Millis kTrimEvery{1'000};
// What no container has: version 1 says so where there is no limit.
constexpr std::uint64_t kAbsurd = 1ULL << 50;

}  // namespace

std::uint64_t resident_bytes() {
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t held_by_container(std::uint64_t current, std::istream& stat) {
    std::uint64_t free_again = 0;
    std::string name;
    std::uint64_t bytes = 0;
    while (stat >> name >> bytes) {
        if (name == "active_file" || name == "inactive_file" || name == "slab_reclaimable") {
            free_again += bytes;
        }
    }
    return current - std::min(free_again, current);
}

std::optional<std::uint64_t> container_memory_held() {
    std::uint64_t current = 0;
    std::ifstream stat("/sys/fs/cgroup/memory.stat");
    if (!(std::ifstream("/sys/fs/cgroup/memory.current") >> current) || !stat) {
        return std::nullopt;
    }
    return held_by_container(current, stat);
}

std::uint64_t container_memory_limit() {
    for (const char* const path :
         {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
        std::uint64_t bytes = 0;
        if (std::ifstream(path) >> bytes && bytes < kAbsurd) {
            return bytes;
        }
    }
    return 0;
}

void MemoryWatch::stop() {
    stopping_ = true;
    pause_.wake();
}

void MemoryWatch::configure(std::uint64_t most) {
    by_container_ = most == 0;
    most_ = by_container_ ? container_memory_limit() : most;
}

std::uint64_t MemoryWatch::used() const {
    if (by_container_) {
        if (const auto held = container_memory_held()) {
            return *held;
        }
    }
    return resident_bytes();
}

gateway::Pressure MemoryWatch::look(std::uint64_t& used) {
    used = this->used();
    const gateway::Pressure found = gateway::pressure_of(used, most_, pressure_);
    if (found == gateway::Pressure::none || loop_.now() < trim_again_) {
        return found;
    }
    trim_again_ = loop_.now() + kTrimEvery;
    spare_();
    ::malloc_trim(0);
    used = this->used();
    return gateway::pressure_of(used, most_, pressure_);
}

net::Task<void> MemoryWatch::watch() {
    while (!stopping_) {
        if (most_ != 0 || pressure_ != gateway::Pressure::none) {
            std::uint64_t used = 0;
            const gateway::Pressure now = look(used);
            if (now != pressure_) {
                pressure_ = now;
                changed_(now, used);
            }
        }
        co_await pause_.until(loop_.now() + kEvery);
    }
}

}  // namespace gw::control
