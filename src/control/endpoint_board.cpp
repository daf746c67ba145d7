#include "control/endpoint_board.hpp"

#include <algorithm>

namespace gw::control {

void EndpointBoard::keep(const std::set<std::string>& services) {
    std::erase_if(services_, [&](const auto& each) { return !services.contains(each.first); });
}

void EndpointBoard::set_members(const std::string& service,
                                const std::vector<upstream::Member>& members) {
    auto& endpoints = services_[service].endpoints;
    endpoints.clear();
    for (const upstream::Member& member : members) {
        endpoints.emplace(member.address, member.well);
    }
}

void EndpointBoard::checked(const std::string& service, const net::Address& address, bool well) {
    auto& endpoints = services_[service].endpoints;
    if (const auto known = endpoints.find(address); known != endpoints.end()) {
        known->second = well;
    }
}

void EndpointBoard::set_ejected(const std::string& service, std::size_t worker,
                                const std::vector<net::Address>& ejected) {
    services_[service].ejected[worker] = {ejected.begin(), ejected.end()};
}

bool EndpointBoard::Service::is_well(const net::Address& address, bool by_checks) const {
    return by_checks && std::ranges::none_of(ejected, [&](const auto& worker) {
               return worker.second.contains(address);
           });
}

std::vector<EndpointBoard::Fact> EndpointBoard::facts() const {
    std::vector<Fact> out;
    for (const auto& [name, service] : services_) {
        for (const auto& [address, by_checks] : service.endpoints) {
            const std::string ip = address.ip.to_string();
            const bool v6 = ip.contains(':');
            out.push_back(
                {.service = name,
                 .endpoint = (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(address.port),
                 .well = service.is_well(address, by_checks)});
        }
    }
    return out;
}

bool EndpointBoard::has_endpoint(const std::string& service) const {
    const auto found = services_.find(service);
    return found != services_.end() && !found->second.endpoints.empty();
}

std::string EndpointBoard::json() const {
    std::string text = "{";
    for (const auto& [name, service] : services_) {
        const auto well = std::ranges::count_if(service.endpoints, [&](const auto& endpoint) {
            return service.is_well(endpoint.first, endpoint.second);
        });
        text += text.size() > 1 ? ",\"" : "\"";
        text += name + R"(":{"endpoints":)" + std::to_string(service.endpoints.size()) +
                R"(,"healthy":)" + std::to_string(well) + "}";
    }
    return text + "}";
}

}  // namespace gw::control
