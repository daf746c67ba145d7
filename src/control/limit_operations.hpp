// What operators do about rate limits through the admin API: look who meets them, change a policy
// for a time, let somebody in again. Control thread.
#pragma once

#include <functional>
#include <vector>

#include "control/admin_api.hpp"
#include "control/knobs.hpp"
#include "control/limit_key.hpp"
#include "gateway/rate_limits.hpp"
#include "gateway/site.hpp"
#include "state/store.hpp"

namespace gw::control {

// What the operations work on; all outlive the API.
struct LimitParts {
    net::Loop& loop;
    state::Store& store;
    const Knobs& knobs;
    gateway::RateLimits& limits;
    std::function<limits::LimitsOptions()> configured;
    std::function<std::shared_ptr<const gateway::Site>()> site;
    std::function<std::uint32_t()> gateways;
    std::function<std::optional<config::Flaw>(std::string_view name, const KnobSetting& setting)>
        check;
    // Requests that a policy has refused since the start.
    std::function<std::uint64_t(std::string_view policy)> refused;
};

// How a key stands with a policy.
struct LimitStanding {
    std::uint32_t limit = 0;
    std::uint32_t remaining = 0;
    bool blocked = false;
    Instant::duration retry_after{0};
};
// Asks the store where the policy counts there. Nothing is counted. Nothing: the store is away.
net::Task<std::optional<LimitStanding>> standing_of(net::Loop* loop, gateway::RateLimits* limits,
                                                    std::string key, const limits::Policy* policy,
                                                    const limits::Quota* quota);

// Pinned; outlives the API that it was added to.
class LimitOperations {
  public:
    explicit LimitOperations(LimitParts parts) : parts_(std::move(parts)) {}
    LimitOperations(const LimitOperations&) = delete;
    LimitOperations& operator=(const LimitOperations&) = delete;

    void add_to(AdminApi& api);

  private:
    using Answer = net::Task<AdminAnswer>;
    Answer list(AdminCall call);
    Answer set(AdminCall call);
    Answer reset(AdminCall call);
    Answer look(AdminCall call);
    Answer forget(AdminCall call);
    [[nodiscard]] boost::json::object described(const std::string& name,
                                                const limits::PolicyOptions& configured) const;
    [[nodiscard]] std::vector<std::string> routes_of(std::string_view policy) const;
    // Those of all policies that count for that one: as they follow from it, and as they were
    // refused of late.
    [[nodiscard]] std::vector<std::string> keys_of(const LimitedOne& one) const;

    const LimitParts parts_;
};

}  // namespace gw::control
