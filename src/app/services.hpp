// The services behind the gateway, as the control thread sees them: where their endpoints are,
// which of them are well, whose breaker is open, and which are crowded. Control thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/foundation.hpp"
#include "app/workers.hpp"
#include "control/crowd_board.hpp"
#include "control/endpoint_board.hpp"
#include "control/health_checks.hpp"
#include "control/name_watch.hpp"
#include "net/task.hpp"
#include "net/timer_wheel.hpp"
#include "upstream/breaker_set.hpp"

namespace gw::app {

class Services {
  public:
    // changed: what /health says of them is another.
    Services(Foundation& base, Workers& workers, std::function<void()> changed);
    Services(const Services&) = delete;
    Services& operator=(const Services&) = delete;

    // The settings in force are new: their services are those to look after.
    void follow();
    void configure_breakers();
    void warn_of_unverified();
    // The first answers of the name servers are there.
    [[nodiscard]] bool settled() const { return names_.settled(); }
    net::Task<void> stop();

    [[nodiscard]] upstream::BreakerSet& breakers() { return breakers_; }
    [[nodiscard]] const control::EndpointBoard& endpoints() const { return endpoints_; }
    [[nodiscard]] const control::CrowdBoard& crowds() const { return crowds_; }
    // As /health has them. An open breaker becomes half open by time alone, and one that was forced
    // closed: then `changed` is called.
    [[nodiscard]] std::string breakers_json();

  private:
    struct LookTimer : net::Timer {
        explicit LookTimer(Services& s)
            : Timer([](net::Timer& timer) {
                  static_cast<LookTimer&>(timer).services.look_at_breakers();
              }),
              services(s) {}
        Services& services;
    };
    struct BreakerStates {
        std::string json = "{";
        bool closed = true;  // all of them: time alone changes nothing
    };
    [[nodiscard]] BreakerStates breaker_states() const;
    void look_at_breakers();

    void listen_to(Worker& worker, std::size_t number);
    void show_in(observe::Exposition& exposition);
    void adopt_members(const std::string& service, const std::vector<upstream::Member>& members);
    void endpoint_checked(const std::string& service, const net::Address& address, bool well);
    void breaker_changed(const std::string& name);
    void tell_crowd(const std::string& service, std::size_t worker,
                    const std::vector<upstream::TenantLoad>& noisiest);

    Foundation& base_;
    Workers& workers_;
    const std::function<void()> changed_;
    upstream::BreakerSet breakers_;
    std::string told_breakers_;  // to /health
    LookTimer look_{*this};
    control::EndpointBoard endpoints_;
    control::CrowdBoard crowds_;
    control::HealthChecks checks_;
    control::NameWatch names_;
};

}  // namespace gw::app
