// The trace of one of the requests that a bucket counts, so that a slow one can be looked at. One
// writer; any thread reads, and sees a whole one or none.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace gw::observe {

class Exemplar {
  public:
    using TraceId = std::array<char, 32>;  // hexadecimal digits
    struct Seen {
        TraceId trace_id{};
        std::uint64_t value = 0;
        WallTime time{};
    };

    void set(const Seen& seen) {
        const std::uint32_t version = version_.load(std::memory_order_relaxed);
        version_.store(version + 1, std::memory_order_relaxed);  // odd: being written
        std::atomic_thread_fence(std::memory_order_release);
        const auto words = std::bit_cast<std::array<std::uint64_t, kIdWords>>(seen.trace_id);
        for (std::size_t i = 0; i < kIdWords; ++i) {
            words_[i].store(words[i], std::memory_order_relaxed);
        }
        words_[kIdWords].store(seen.value, std::memory_order_relaxed);
        words_[kIdWords + 1].store(static_cast<std::uint64_t>(epoch_ms(seen.time)),
                                   std::memory_order_relaxed);
        version_.store(version + 2, std::memory_order_release);
    }

    // Nothing: there was none yet, or it is being written.
    [[nodiscard]] std::optional<Seen> get() const {
        const std::uint32_t before = version_.load(std::memory_order_acquire);
        if (before == 0 || before % 2 != 0) {
            return std::nullopt;
        }
        std::array<std::uint64_t, kIdWords> id{};
        for (std::size_t i = 0; i < kIdWords; ++i) {
            id[i] = words_[i].load(std::memory_order_relaxed);
        }
        Seen seen{.trace_id = std::bit_cast<TraceId>(id),
                  .value = words_[kIdWords].load(std::memory_order_relaxed),
                  .time = WallTime(Millis(static_cast<std::int64_t>(
                      words_[kIdWords + 1].load(std::memory_order_relaxed))))};
        std::atomic_thread_fence(std::memory_order_acquire);
        return version_.load(std::memory_order_relaxed) == before ? std::optional(seen)
                                                                  : std::nullopt;
    }

  private:
    static constexpr std::size_t kIdWords = sizeof(TraceId) / sizeof(std::uint64_t);
    std::atomic<std::uint32_t> version_{0};
    std::array<std::atomic<std::uint64_t>, kIdWords + 2> words_{};
};

}  // namespace gw::observe
