#include "control/crowd_board.hpp"

#include <algorithm>

namespace gw::control {

std::vector<CrowdBoard::Fact> CrowdBoard::noisiest(const std::string& name,
                                                   const Service& service) {
    std::map<std::string, Fact> tenants;
    for (const auto& [worker, loads] : service.workers) {
        for (const upstream::TenantLoad& load : loads) {
            Fact& fact = tenants[load.tenant];
            fact.service = name;
            fact.tenant = load.tenant;
            fact.in_flight += load.in_flight;
            fact.waiting += load.waiting;
        }
    }
    std::vector<Fact> facts;
    for (auto& [tenant, fact] : tenants) {
        facts.push_back(std::move(fact));
    }
    std::ranges::sort(facts, [](const Fact& a, const Fact& b) {
        return std::pair(b.in_flight + b.waiting, std::string_view(a.tenant)) <
               std::pair(a.in_flight + a.waiting, std::string_view(b.tenant));
    });
    facts.resize(std::min(facts.size(), kTenantsMost));
    return facts;
}

CrowdBoard::Fact CrowdBoard::set(const std::string& name, std::size_t worker,
                                 const std::vector<upstream::TenantLoad>& loads, Instant now) {
    Service& service = services_[name];
    service.workers[worker] = loads;
    if (loads.empty() || (service.told != Instant{} && now - service.told < kToldAgain)) {
        return {};
    }
    service.told = now;
    return noisiest(name, service).front();
}

std::vector<CrowdBoard::Fact> CrowdBoard::facts() const {
    std::vector<Fact> out;
    for (const auto& [name, service] : services_) {
        for (Fact& fact : noisiest(name, service)) {
            out.push_back(std::move(fact));
        }
    }
    return out;
}

}  // namespace gw::control
