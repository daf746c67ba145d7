// Rate limits as requests use them: the windows and permits of all keys of this process, and the
// way to the store that gateways count in together. One for all workers.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limits/in_flight.hpp"
#include "limits/lease_table.hpp"
#include "limits/limiter.hpp"
#include "limits/policy.hpp"
#include "limits/refused_keys.hpp"

namespace gw::gateway {

// The store, for counting. Any thread; nothing waits.
class LimitStore {
  public:
    // A store that does not answer by then counts as away for the request that asked.
    static constexpr Millis kPatience{50};
    // Nothing: the store did not answer. On the control thread.
    using Answered =
        std::move_only_function<void(const std::optional<limits::StoreAnswer>&, Instant now)>;

    // False: there is none, and gateways count alone.
    [[nodiscard]] virtual bool shared() const = 0;
    // False: it does not answer now.
    [[nodiscard]] virtual bool available() const = 0;
    // How many gateways share the limits, as far as is known.
    [[nodiscard]] virtual std::uint32_t gateways() const = 0;
    virtual void ask(std::string key, const limits::Quota& quota, const limits::StoreAsk& ask,
                     std::uint32_t groups, Answered answered) = 0;
    // Runs a job on the control thread.
    virtual void post(std::move_only_function<void()> job) = 0;

  protected:
    ~LimitStore() = default;
};

class RateLimits {
  public:
    // memory_bytes: of the windows. seed: Random::fresh_seed(). store: outlives this.
    RateLimits(std::size_t memory_bytes, std::uint64_t seed, LimitStore& store);
    RateLimits(const RateLimits&) = delete;
    RateLimits& operator=(const RateLimits&) = delete;

    // Any thread, all but the last two.
    //
    // How this policy counts now: without the store each gateway counts alone, up to its share.
    // Leases know by themselves what to do then, and what they admitted before.
    [[nodiscard]] limits::Mode mode_of(const limits::Policy& policy) const;
    // shared: the limit is that of all gateways together; this one has its share of it.
    limits::Outcome take_alone(std::string_view key, const limits::Quota& quota, bool shared,
                               Instant now);
    void give_back_alone(std::string_view key, const limits::Quota& quota, bool shared,
                         Instant taken, Instant now);
    // What the store said to a request is known here too, for when it is away. True: it counts.
    bool note_alone(std::string_view key, const limits::Quota& quota,
                    const limits::StoreAnswer& answer, Instant now);
    enum class Waited : std::uint8_t { no, and_was_woken, in_vain };
    // In vain: whoever has waited for long enough is not told to wait.
    limits::Lease::Taken take_leased(std::string_view key, const limits::Quota& quota,
                                     Waited waited, Instant now);
    void ask_store(std::string_view key, const limits::Quota& quota, const limits::StoreAsk& ask,
                   LimitStore::Answered answered);
    // A permit of the store did not count after all. Where it is not reached, it is told later, as
    // long as the permit would count, for kGiveBacksMax permits at once.
    void give_back(std::string_view key, const limits::Quota& quota, limits::PermitId id,
                   Instant now);
    static constexpr std::size_t kGiveBacksMax = 10'000;

    // Who holds permits that may still go back.
    [[nodiscard]] limits::InFlight& in_flight() { return in_flight_; }

    // Who meets the limits.
    [[nodiscard]] limits::RefusedKeys& refused() { return refused_; }
    // What take would say in this process; nothing is counted. Nothing: the store knows.
    [[nodiscard]] std::optional<limits::Outcome> look_alone(std::string_view key,
                                                            const limits::Policy& policy,
                                                            const limits::Quota& quota,
                                                            Instant now);
    // Permits of a leased policy that are here.
    [[nodiscard]] std::uint32_t permits_here(std::string_view key, const limits::Quota& quota) {
        return leases_.left(key, quota);
    }
    // As if nobody of this key had asked, as far as this process knows.
    void forget(std::string_view key, const limits::Policy& policy);

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

    // Before the first request: called, on the control thread, when a lease has its answer.
    void when_answered(std::function<void()> wake) { wakers_.push_back(std::move(wake)); }
    // Every 100 ms or so, on the control thread: permits that nobody uses go back, and those that
    // the store has not been told of.
    void tidy(Instant now);

  private:
    struct GiveBack {
        std::string key;
        limits::Quota quota;
        limits::PermitId id = 0;
        Instant until{};
    };

    void send_back(GiveBack back);
    void keep(GiveBack back);
    void send_backs(Instant now);
    [[nodiscard]] limits::Quota own_share(const limits::Quota& quota, bool shared) const;
    void send_orders();
    void answered(const limits::LeaseTable::Order& order,
                  const std::optional<limits::StoreAnswer>& answer, Instant now);

    LimitStore& store_;
    limits::Limiter limiter_;
    limits::LeaseTable leases_;
    limits::RefusedKeys refused_;
    limits::InFlight in_flight_;
    std::vector<GiveBack> backs_;  // that did not reach the store; the control thread's
    std::vector<std::function<void()>> wakers_;
    std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace gw::gateway
