// What every request pays for bans and revocations, and the control thread for their changes.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "state/banned.hpp"
#include "state/replica_map.hpp"
#include "state/revoked.hpp"

namespace gw::state {
namespace {

constexpr std::size_t kMillion = 1'000'000;
constexpr WallTime kNow = WallTime(std::chrono::seconds(1'795'437'000));
constexpr WallTime kLater = kNow + std::chrono::hours(1);

std::vector<std::string> uuids(std::uint64_t seed, std::size_t count) {
    Random random(seed);
    std::vector<std::string> keys(count);
    for (std::string& key : keys) {
        std::array<char, 36> uuid{};
        random.uuid(uuid);
        key.assign(uuid.data(), uuid.size());
    }
    return keys;
}

ReplicaWriter filled(const std::vector<std::string>& keys) {
    ReplicaWriter writer(5);
    for (const std::string& key : keys) {
        writer.set(key, "1", kLater);
    }
    writer.commit();
    return writer;
}

void look_up(benchmark::State& state, std::size_t entries, bool hit, std::size_t changes) {
    const std::vector<std::string> keys = uuids(1, entries);
    ReplicaWriter writer = filled(keys);
    for (const std::string& key : uuids(3, changes)) {
        writer.set(key, "1", kLater);
    }
    ReplicaMap map = writer.commit();
    // In another order than they lie in memory; few enough that the asking itself costs nothing.
    std::vector<std::string> asked = uuids(2, 1 << 14);
    Random random(4);
    for (std::string& key : asked) {
        key = hit ? keys[random.below(entries)] : key;
    }
    std::size_t i = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(map);
        benchmark::DoNotOptimize(map.find(asked[i++ & ((1 << 14) - 1)], kNow));
    }
    state.counters["bytes/entry"] =
        static_cast<double>(map.memory_bytes()) / static_cast<double>(std::max(map.size(), 1UL));
}

void FindInNothing(benchmark::State& state) {
    look_up(state, 0, false, 0);
}
BENCHMARK(FindInNothing);

void FindHitInAMillion(benchmark::State& state) {
    look_up(state, kMillion, true, 0);
}
BENCHMARK(FindHitInAMillion);

void FindMissInAMillion(benchmark::State& state) {
    look_up(state, kMillion, false, 0);
}
BENCHMARK(FindMissInAMillion);

// With all three layers.
void FindMissInAMillionAndChanges(benchmark::State& state) {
    look_up(state, kMillion, false, 10'100);
}
BENCHMARK(FindMissInAMillionAndChanges);

void LoadAMillion(benchmark::State& state) {
    const std::vector<std::string> keys = uuids(1, kMillion);
    for (auto _ : state) {
        ReplicaWriter writer = filled(keys);
        benchmark::DoNotOptimize(writer.size());
    }
}
BENCHMARK(LoadAMillion)->Unit(benchmark::kMillisecond);

// A version for each change, with the merges that come due, in their share.
void ChangeOneOfAMillion(benchmark::State& state) {
    ReplicaWriter writer = filled(uuids(1, kMillion));
    const std::vector<std::string> keys = uuids(2, 1 << 17);
    std::size_t i = 0;
    for (auto _ : state) {
        writer.set(keys[i % keys.size()], i / keys.size() % 2 == 0 ? "1" : "2", kLater);
        benchmark::DoNotOptimize(writer.commit().size());
        ++i;
    }
}
BENCHMARK(ChangeOneOfAMillion)->Unit(benchmark::kMicrosecond)->Iterations(1 << 17);

void DropHalfAMillion(benchmark::State& state) {
    const std::vector<std::string> keys = uuids(1, kMillion);
    for (auto _ : state) {
        state.PauseTiming();
        ReplicaWriter writer(5);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            writer.set(keys[i], "1", i % 2 == 0 ? kNow : kLater);
        }
        writer.commit();
        state.ResumeTiming();
        benchmark::DoNotOptimize(writer.drop_expired(kNow));
    }
}
BENCHMARK(DropHalfAMillion)->Unit(benchmark::kMillisecond);

// A million addresses and blocks of three other lengths.
void AddressIsNotBanned(benchmark::State& state) {
    BanWriter writer(5);
    Random random(6);
    const auto address = [&random] {
        const std::uint64_t bits = random.next();
        return IpAddress::v4({static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8),
                              static_cast<std::uint8_t>(bits >> 16),
                              static_cast<std::uint8_t>(bits >> 24)});
    };
    for (std::size_t i = 0; i < kMillion; ++i) {
        writer.set("ip:" + address().to_string(), "1", kLater);
    }
    for (const char* block : {"ip:10.0.0.0/8", "ip:172.16.0.0/12", "ip:192.168.0.0/16"}) {
        writer.set(block, "1", {});
    }
    const Bans bans = writer.commit();
    std::vector<IpAddress> asked(1 << 14);
    for (IpAddress& one : asked) {
        one = address();
    }
    std::size_t i = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(bans.by_address(asked[i++ & ((1 << 14) - 1)], kNow));
    }
}
BENCHMARK(AddressIsNotBanned);

void NothingIsRevoked(benchmark::State& state) {
    Revocations revocations(5);
    for (auto _ : state) {
        benchmark::DoNotOptimize(revocations);
        benchmark::DoNotOptimize(revocations.check("jti", "sub", "tenant", kNow, kNow));
    }
}
BENCHMARK(NothingIsRevoked);

}  // namespace
}  // namespace gw::state
