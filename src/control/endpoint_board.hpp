// Which endpoints of which service are in use, put together from what DNS, the active checks and
// all workers say. Control thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "upstream/member.hpp"

namespace gw::control {

class EndpointBoard {
  public:
    // Services that are not among these are forgotten.
    void keep(const std::set<std::string>& services);
    void set_members(const std::string& service, const std::vector<upstream::Member>& members);
    void checked(const std::string& service, const net::Address& address, bool well);
    // Those that this worker leaves out for their failures now.
    void set_ejected(const std::string& service, std::size_t worker,
                     const std::vector<net::Address>& ejected);

    struct Fact {
        std::string service;
        std::string endpoint;  // "address:port"
        bool well = true;      // by its checks and every worker
    };
    [[nodiscard]] std::vector<Fact> facts() const;
    // Is there any, well or not?
    [[nodiscard]] bool has_endpoint(const std::string& service) const;
    // {"event-service":{"endpoints":3,"healthy":2},…}
    [[nodiscard]] std::string json() const;

  private:
    struct Service {
        std::map<net::Address, bool> endpoints;  // well, by its checks
        std::map<std::size_t, std::set<net::Address>> ejected;
        [[nodiscard]] bool is_well(const net::Address& address, bool by_checks) const;
    };
    std::map<std::string, Service> services_;
};

}  // namespace gw::control
