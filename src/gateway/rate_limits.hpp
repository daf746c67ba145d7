// Rate limits as requests use them: the windows and permits of all keys of this process, and the way
// to the store that gateways count in together. One for all workers.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limits/lease.hpp"
#include "limits/limiter.hpp"
#include "limits/policy.hpp"

namespace gw::gateway {

// The store, for counting. Any thread; nothing waits.
class LimitStore {
  public:
    // Nothing: the store did not answer. On the control thread.
    using Answered =
        std::move_only_function<void(const std::optional<limits::StoreAnswer>&, Instant now)>;

    // False: gateways count alone.
    [[nodiscard]] virtual bool available() const = 0;
    // How many gateways share the limits, as far as is known.
    [[nodiscard]] virtual std::uint32_t gateways() const = 0;
    virtual void ask(std::string key, const limits::Quota& quota, const limits::StoreAsk& ask,
                     std::uint32_t groups, Answered answered) = 0;

  protected:
    ~LimitStore() = default;
};

class RateLimits {
  public:
    // memory_bytes: of the windows. seed: Random::fresh_seed(). store: null where there is none;
    // else it outlives this.
    RateLimits(std::size_t memory_bytes, std::uint64_t seed, LimitStore* store);
    RateLimits(const RateLimits&) = delete;
    RateLimits& operator=(const RateLimits&) = delete;

    // Any thread, all but the last two.
    //
    // How this policy counts now: without the store each gateway counts alone, up to its share.
    [[nodiscard]] limits::Mode mode_of(const limits::Policy& policy) const;
    limits::Outcome take_alone(std::string_view key, const limits::Quota& quota,
                               bool shared, Instant now);
    void give_back_alone(std::string_view key, const limits::Quota& quota, bool shared,
                         Instant taken, Instant now);
    // again: the caller has waited for the store and was woken.
    limits::Lease::Taken take_leased(std::string_view key, const limits::Quota& quota, bool again,
                                     Instant now);
    void ask_store(std::string_view key, const limits::Quota& quota, const limits::StoreAsk& ask,
                   LimitStore::Answered answered);

    // Before the first request: called, on the control thread, when a lease has its answer.
    void when_answered(std::function<void()> wake) { wakers_.push_back(std::move(wake)); }
    // From time to time, on the control thread: permits that nobody uses go back.
    void sweep(Instant now);

    [[nodiscard]] limits::Limiter::Counts counts() const { return limiter_.counts(); }

  private:
    static constexpr std::size_t kShards = 64;
    static constexpr std::size_t kLeasesMax = 2'000;  // of each shard, some 500 bytes each

    struct Held {
        explicit Held(const limits::Quota& q) : quota(q), lease(q) {}
        limits::Quota quota;
        limits::Lease lease;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::string, Held, Hash, std::equal_to<>> leases;
    };

    Shard& shard_of(std::string_view key) { return shards_[Hash{}(key) % kShards]; }
    [[nodiscard]] limits::Quota own_share(const limits::Quota& quota, bool shared) const;
    Held* find(Shard& shard, std::string_view key, const limits::Quota& quota, Instant now);
    // With the shard's mutex held.
    void send(std::string_view key, Held& held, Instant now);
    void answered(const std::string& key, const limits::Quota& quota,
                  const std::optional<limits::StoreAnswer>& answer, Instant now);

    limits::Limiter limiter_;
    LimitStore* const store_;
    std::array<Shard, kShards> shards_;
    std::size_t swept_ = 0;
    std::vector<std::function<void()>> wakers_;
    std::atomic<std::uint32_t> waiting_{0};

  public:
    // While a request waits for a lease.
    class Waiting {
      public:
        explicit Waiting(RateLimits& limits) : limits_(limits) {
            limits_.waiting_.fetch_add(1, std::memory_order_relaxed);
        }
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;
        ~Waiting() { limits_.waiting_.fetch_sub(1, std::memory_order_relaxed); }

      private:
        RateLimits& limits_;
    };
};

}  // namespace gw::gateway
