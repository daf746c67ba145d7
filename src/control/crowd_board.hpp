// Which tenants use most of services that are crowded, put together from what all workers say.
// Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "upstream/bulkhead.hpp"

namespace gw::control {

class CrowdBoard {
  public:
    static constexpr std::size_t kTenantsMost = 3;  // of a service: the bound on series
    static constexpr std::chrono::seconds kToldAgain{10};

    struct Fact {
        std::string service;
        std::string tenant;  // "" : those who have none
        std::uint32_t in_flight = 0;
        std::uint32_t waiting = 0;
    };
    // Of one worker; empty: nobody waits there. Returns whom to tell of in the log: the first, if
    // nobody was told of this service for a while; else one without a service.
    Fact set(const std::string& service, std::size_t worker,
             const std::vector<upstream::TenantLoad>& loads, Instant now);
    // The noisiest first, of each service.
    [[nodiscard]] std::vector<Fact> facts() const;

  private:
    struct Service {
        std::map<std::size_t, std::vector<upstream::TenantLoad>> workers;
        Instant told{};
    };
    static std::vector<Fact> noisiest(const std::string& name, const Service& service);
    std::map<std::string, Service> services_;
};

}  // namespace gw::control
