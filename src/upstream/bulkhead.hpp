// So many requests at once to one service, and no more: one that is slow or besieged cannot take
// everything there is, nor one tenant all of a service. Who finds no room waits a little, in a
// short queue (fair_queue.hpp), or is refused.
//
// Pure: who waits is told through a Waiter of its own, and keeps its own time. Every right to go is
// a Permit that gives itself back. Memory is bounded by the limit and the queue. One worker's
// thread; pinned, and it outlives its permits and waiters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "upstream/adaptive_limit.hpp"
#include "upstream/bulkhead_options.hpp"
#include "upstream/fair_queue.hpp"

namespace gw::upstream {

class Bulkhead;

struct TenantLoad {
    std::string tenant;
    std::uint32_t in_flight = 0;
    std::uint32_t waiting = 0;
    std::uint64_t admitted = 0;
    std::uint64_t refused = 0;
};

class Permit {
  public:
    Permit() = default;
    Permit(Permit&& other) noexcept
        : bulkhead_(std::exchange(other.bulkhead_, nullptr)), tenant_(other.tenant_) {}
    Permit& operator=(Permit&& other) noexcept {
        std::swap(bulkhead_, other.bulkhead_);
        std::swap(tenant_, other.tenant_);
        return *this;
    }
    ~Permit() { give_back(); }

    [[nodiscard]] bool valid() const { return bulkhead_ != nullptr; }
    // The answer's head is there, or will not come; took: since the request was sent. overloaded:
    // the service said that it has too much to do, or was late. Not called: it says nothing of how
    // fast the service is.
    void answered(Instant::duration took, bool overloaded, Clock clock);
    void give_back();

  private:
    friend class Bulkhead;
    Permit(Bulkhead& bulkhead, Tenant& tenant) : bulkhead_(&bulkhead), tenant_(&tenant) {}

    Bulkhead* bulkhead_ = nullptr;
    Tenant* tenant_ = nullptr;
};

// One request at a bulkhead. Ending it while it waits takes it out of the queue: that is how a
// caller gives up when its time is over or its client gone. Pinned.
class Waiter : QueuePlace {
  public:
    enum class State : std::uint8_t { outside, waiting, admitted, refused };

    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    [[nodiscard]] State state() const { return state_; }
    // When admitted: the right to go.
    Permit permit;

  protected:
    ~Waiter();
    // It was waiting and does no longer: admitted, or refused because somebody with more right
    // came. Called in the midst of another request's end or beginning: it may only see to it that
    // the caller goes on later.
    virtual void decided() = 0;

  private:
    friend class Bulkhead;
    State state_ = State::outside;
    Bulkhead* bulkhead_ = nullptr;
};

class Bulkhead {
  public:
    Bulkhead(const BulkheadOptions& options, std::uint64_t seed);
    Bulkhead(const Bulkhead&) = delete;
    Bulkhead& operator=(const Bulkhead&) = delete;

    void configure(const BulkheadOptions& options);
    // The longest that a caller should wait.
    [[nodiscard]] Millis wait_max() const { return options_.wait_max; }

    // Admitted, refused, or waiting. tenant: "" is one as well, of those who have none. weight: its
    // share among tenants, above 0.
    Waiter::State enter(Waiter& waiter, std::string_view tenant, std::uint32_t weight,
                        Priority priority);

    // For metrics and operators.
    [[nodiscard]] std::uint32_t limit() const;
    [[nodiscard]] std::uint32_t in_flight() const { return in_flight_; }
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
    // Those who use most of it, at most so many, the noisiest first.
    [[nodiscard]] std::vector<TenantLoad> noisiest(std::size_t most) const;

  private:
    friend class Permit;
    friend class Waiter;
    // Tenants of which nothing is here are remembered up to this number: to find one again costs
    // less than to make it anew.
    static constexpr std::size_t kIdleTenantsMax = 1'024;

    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    Tenant& tenant_of(std::string_view name);
    [[nodiscard]] std::uint32_t tenant_max() const;
    void admit(Waiter& waiter);
    static void refuse(Waiter& waiter);
    void wait_or_refuse(Waiter& waiter);
    void give_back(Tenant& tenant);
    // Nobody waits who could go.
    void let_in();

    BulkheadOptions options_;
    AdaptiveLimit adaptive_;
    FairQueue queue_;
    std::unordered_map<std::string, Tenant, Hash, std::equal_to<>> tenants_;
    // The one that came last, which is likely to come again: it is not looked for.
    const std::string* last_name_ = nullptr;
    Tenant* last_ = nullptr;
    std::size_t tidy_at_ = kIdleTenantsMax;
    std::uint32_t in_flight_ = 0;
    bool letting_in_ = false;
};

}  // namespace gw::upstream
