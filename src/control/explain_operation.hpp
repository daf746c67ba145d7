// POST /admin/v1/explain: what would become of a request, stage by stage, without asking a service
// and without counting it. Control thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "control/admin_api.hpp"
#include "control/endpoint_board.hpp"
#include "control/knobs.hpp"
#include "gateway/explain.hpp"
#include "gateway/rate_limits.hpp"
#include "gateway/refusal.hpp"

namespace gw::control {

// All outlive the API.
struct ExplainedParts {
    net::Loop& loop;
    gateway::RateLimits& limits;
    upstream::BreakerSet& breakers;
    const EndpointBoard& endpoints;
    std::function<gateway::ExplainParts()> now;
};

// Pinned; outlives the API that it was added to.
class ExplainOperation {
  public:
    explicit ExplainOperation(ExplainedParts parts) : parts_(std::move(parts)) {}
    ExplainOperation(const ExplainOperation&) = delete;
    ExplainOperation& operator=(const ExplainOperation&) = delete;

    void add_to(AdminApi& api);

  private:
    net::Task<AdminAnswer> explain(AdminCall call);
    // Asks the limits, and lets them end what they would.
    net::Task<boost::json::array> ask_limits(gateway::Explanation* found);
    [[nodiscard]] boost::json::object upstream_of(const gateway::Explanation& found) const;
    // Whether, and why, nothing is asked of a service now.
    [[nodiscard]] std::optional<gateway::Code> unserved(const std::string& service) const;

    const ExplainedParts parts_;
};

// What becomes of an answer that is put together, where a service is not asked: the refusal, if a
// required part fails, by itself or with another that it needs. unserved: why a service is not
// asked; nothing: it is. Pure.
std::optional<gateway::StageFinding> refused_for_a_part(
    const std::vector<gateway::PartToAsk>& parts,
    const std::function<std::optional<gateway::Code>(const std::string& service)>& unserved);

// The head of the request that a body of this operation supposes, or what is wrong with it.
std::expected<gateway::ExplainRequest, std::string> supposed_request(
    const boost::json::object& body);

}  // namespace gw::control
