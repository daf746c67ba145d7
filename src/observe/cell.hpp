// What one thread counts and others read while it does: a load and a store, nothing more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace gw::observe {

// One writer; any thread reads.
class Counter {
  public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

class Gauge {
  public:
    void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::uint64_t n) { set(value() + n); }
    void sub(std::uint64_t n) { set(value() - n); }
    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// kBounds: upper bounds of the buckets, in the smallest unit that is counted; the last bucket is
// open.
template <const auto& kBounds>
class Histogram {
  public:
    static constexpr std::size_t kBuckets = kBounds.size() + 1;
    // The bucket that a value belongs to.
    static constexpr std::size_t bucket_of(std::uint64_t value) {
        std::size_t bucket = 0;
        while (bucket < kBounds.size() && value > kBounds[bucket]) {
            ++bucket;
        }
        return bucket;
    }
    // Returns the bucket.
    std::size_t observe(std::uint64_t value) {
        const std::size_t bucket = bucket_of(value);
        counts_[bucket].add();
        sum_.add(value);
        return bucket;
    }
    [[nodiscard]] std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
    [[nodiscard]] std::uint64_t sum() const { return sum_.value(); }

  private:
    std::array<Counter, kBuckets> counts_;
    Counter sum_;
};

}  // namespace gw::observe
