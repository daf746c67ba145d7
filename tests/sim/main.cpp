#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim.hpp"

namespace gw::sim {
namespace {

struct Scenario {
    std::string_view name;
    void (*run)(World& world);
};
constexpr std::array<Scenario, 7> kScenarios{{{"window", window},
                                              {"limits", limits},
                                              {"breaker", breaker},
                                              {"bulkhead", bulkhead},
                                              {"retry", retry},
                                              {"idle", idle},
                                              {"replica", replica}}};
constexpr std::uint64_t kCanarySeeds = 200;

bool keeps(const Scenario& scenario, std::uint64_t seed, bool canary, bool quiet) {
    try {
        World world(seed, canary);
        scenario.run(world);
        return true;
    } catch (const Broken& broken) {
        if (!quiet) {
            std::printf("BROKEN %s: %s\n  again: sim --seed %lu %s\n", scenario.name.data(),
                        broken.what.c_str(), seed, scenario.name.data());
        }
        return false;
    }
}

int try_canaries() {
    int sleeping = 0;
    for (const Scenario& scenario : kScenarios) {
        std::uint64_t seed = 1;
        while (seed <= kCanarySeeds && keeps(scenario, seed, true, true)) {
            ++seed;
        }
        if (seed > kCanarySeeds) {
            std::printf("%s: the mistake in its model was not found\n", scenario.name.data());
            ++sleeping;
        } else {
            std::printf("%s: the mistake in its model was found with seed %lu\n",
                        scenario.name.data(), seed);
        }
    }
    return sleeping == 0 ? 0 : 1;
}

int try_seeds(std::uint64_t first, std::uint64_t count, std::string_view only) {
    int broken = 0;
    for (const Scenario& scenario : kScenarios) {
        if (!only.empty() && only != scenario.name) {
            continue;
        }
        const auto began = std::chrono::steady_clock::now();
        for (std::uint64_t seed = first; seed < first + count; ++seed) {
            broken += keeps(scenario, seed, false, false) ? 0 : 1;
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        std::printf("%s: %lu seeds in %.1f s\n", scenario.name.data(), count, took.count());
    }
    std::printf("%d broken\n", broken);
    return broken == 0 ? 0 : 1;
}

int main_of(int argc, char** argv) {
    std::uint64_t first = 1;
    std::uint64_t count = 100;
    std::string_view only;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--canaries") {
            return try_canaries();
        }
        if (argument == "--seeds" && i + 1 < argc) {
            count = std::strtoull(argv[++i], nullptr, 10);
        } else if (argument == "--seed" && i + 1 < argc) {
            first = std::strtoull(argv[++i], nullptr, 10);
            count = 1;
        } else {
            only = argument;
        }
    }
    return try_seeds(first, count, only);
}

}  // namespace
}  // namespace gw::sim

int main(int argc, char** argv) {
    return gw::sim::main_of(argc, argv);
}
