#include "control/memory_watch.hpp"

#include <unistd.h>

#include <fstream>

namespace gw::control {
namespace {

constexpr Millis kEvery{250};
// What no container has: version 1 says so where there is no limit.
constexpr std::uint64_t kAbsurd = 1ULL << 50;

}  // namespace

std::uint64_t resident_bytes() {
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
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

net::Task<void> MemoryWatch::watch() {
    while (!stopping_) {
        if (most_ != 0 || pressure_ != gateway::Pressure::none) {
            const std::uint64_t used = resident_bytes();
            const gateway::Pressure now = gateway::pressure_of(used, most_, pressure_);
            if (now != pressure_) {
                pressure_ = now;
                changed_(now, used);
            }
        }
        co_await pause_.until(loop_.now() + kEvery);
    }
}

}  // namespace gw::control
