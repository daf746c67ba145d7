// What a request pays for its limits.
#include "limits/limiter.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "limits/lease_table.hpp"
#include "limits/policy.hpp"

namespace gw::limits {
namespace {

const Instant kBegin{std::chrono::hours(1'000)};
const Quota kQuota(100, Millis{60'000});

std::vector<std::string> keys(std::size_t count) {
    Random random(1);
    std::vector<std::string> made(count);
    for (std::string& key : made) {
        std::array<char, 36> uuid{};
        random.uuid(uuid);
        key = "general:u=" + std::string(uuid.data(), uuid.size());
    }
    return made;
}

void take_of(benchmark::State& state, std::size_t count) {
    static Limiter limiter(Limiter::kBytes, 7);
    const std::vector<std::string> asked = keys(count);
    Instant now = kBegin;
    std::size_t i = static_cast<std::size_t>(state.thread_index()) * 7'919;
    for (auto _ : state) {
        now += std::chrono::microseconds(100);
        benchmark::DoNotOptimize(limiter.take(asked[i++ % count], kQuota, now));
    }
}

void TakeOneKey(benchmark::State& state) {
    take_of(state, 1);
}
BENCHMARK(TakeOneKey);
BENCHMARK(TakeOneKey)->Threads(2)->UseRealTime();

void TakeOfAThousandKeys(benchmark::State& state) {
    take_of(state, 1'000);
}
BENCHMARK(TakeOfAThousandKeys);
BENCHMARK(TakeOfAThousandKeys)->Threads(2)->UseRealTime();

// Every one is read from memory.
void TakeOfAMillionKeys(benchmark::State& state) {
    take_of(state, 1'000'000);
}
BENCHMARK(TakeOfAMillionKeys);

// A stranger invents keys where there is no room left.
void TakeOfInventedKeys(benchmark::State& state) {
    Limiter limiter(1 << 22, 7);
    std::string key = "general:u=00000000";
    std::uint64_t number = 0;
    for (auto _ : state) {
        ++number;
        std::memcpy(key.data() + 10, &number, 8);
        benchmark::DoNotOptimize(limiter.take(key, kQuota, kBegin));
    }
}
BENCHMARK(TakeOfInventedKeys);

void WindowOnly(benchmark::State& state) {
    Window window{};
    Instant now = kBegin;
    for (auto _ : state) {
        now += std::chrono::microseconds(100);
        benchmark::DoNotOptimize(window.take(kQuota, now));
    }
}
BENCHMARK(WindowOnly);

void WriteKey(benchmark::State& state) {
    PolicyOptions options;
    options.key = {KeyPart{}, {KeyPart::Of::tenant, ""}};
    const Policy policy("general", options);
    KeyValues values;
    values.user = "8f14e45f-ceea-467f-a1b2-000000000001";
    values.tenant = "acme";
    for (auto _ : state) {
        benchmark::DoNotOptimize(values);
        benchmark::DoNotOptimize(KeyText(policy, values).view());
    }
}
BENCHMARK(WriteKey);

// One that has to be digested.
void WriteLongKey(benchmark::State& state) {
    const Policy policy("general", {});
    const std::string user(100, 'x');
    KeyValues values;
    values.user = user;
    for (auto _ : state) {
        benchmark::DoNotOptimize(values);
        benchmark::DoNotOptimize(KeyText(policy, values).view());
    }
}
BENCHMARK(WriteLongKey);

// With permits there, and an order now and then.
void TakeLeased(benchmark::State& state) {
    LeaseTable table(LeaseTable::kKeys, 7);
    const Quota quota(1'000'000, Millis{1'000});
    Instant now = kBegin;
    for (auto _ : state) {
        now += std::chrono::microseconds(2);
        const auto taken = table.take("general:u=8f14e45f", quota, now, 4);
        if (taken->wake) {
            for (const auto& order : table.fetch_orders()) {
                StoreAnswer answer;
                answer.granted = order.ask.permits;
                answer.remaining = 500'000;
                table.answered(order, answer, now);
            }
        }
    }
}
BENCHMARK(TakeLeased);

}  // namespace
}  // namespace gw::limits
