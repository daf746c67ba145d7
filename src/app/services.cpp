#include "app/services.hpp"

#include <map>
#include <set>

namespace gw::app {
namespace {

// While one of them is not closed.
constexpr Millis kLookAtBreakers{500};

}  // namespace

Services::Services(Foundation& base, Workers& workers, std::function<void()> changed)
    : base_(base),
      workers_(workers),
      changed_(std::move(changed)),
      breakers_([this](const std::string& name) {
          base_.loop.post([this, name] { breaker_changed(name); });
      }),
      checks_(
          base.loop, base.log, base.h1,
          [this](const std::string& service, const auto& members) {
              adopt_members(service, members);
          },
          [this](const std::string& service, const net::Address& address, bool well) {
              endpoint_checked(service, address, well);
          }),
      names_(base.loop, base.log,
             control::NameWatchOptions{.servers = base.name_servers,
                                       .ttl_min = base.settings->dns.ttl_min,
                                       .ttl_max = base.settings->dns.ttl_max},
             [this](const std::string& service, const std::vector<upstream::Member>& members) {
                 checks_.set_members(service, members);
             }) {
    workers_.each([this](Worker& worker, std::size_t number) { listen_to(worker, number); });
    show_in(base_.exposition);
}

void Services::listen_to(Worker& worker, std::size_t number) {
    worker.break_by(breakers_);
    worker.tell_ejected_by(
        [this, number](const std::string& service, std::vector<net::Address> ejected) {
            base_.loop.post([this, number, service, ejected = std::move(ejected)] {
                endpoints_.set_ejected(service, number, ejected);
                changed_();
            });
        });
    worker.tell_crowded_by(
        [this, number](const std::string& service, std::vector<upstream::TenantLoad> noisiest) {
            base_.loop.post([this, number, service, noisiest = std::move(noisiest)] {
                tell_crowd(service, number, noisiest);
            });
        });
}

void Services::show_in(observe::Exposition& exposition) {
    exposition.read_breakers_by([this] {
        std::vector<observe::Exposition::BreakerFacts> facts;
        breakers_.each([&](const upstream::Breaker& breaker) {
            const upstream::BreakerSnapshot now = breaker.snapshot(base_.loop.now());
            facts.push_back(
                {breaker.name(), static_cast<int>(now.state), now.transitions, now.rejects});
        });
        return facts;
    });
    exposition.read_endpoints_by([this] {
        std::vector<observe::Exposition::EndpointFacts> facts;
        for (control::EndpointBoard::Fact& fact : endpoints_.facts()) {
            facts.push_back({std::move(fact.service), std::move(fact.endpoint), fact.well});
        }
        return facts;
    });
    exposition.read_tenants_by([this] {
        std::vector<observe::Exposition::TenantFacts> facts;
        for (control::CrowdBoard::Fact& fact : crowds_.facts()) {
            facts.push_back(
                {std::move(fact.service), std::move(fact.tenant), fact.in_flight + fact.waiting});
        }
        return facts;
    });
}

void Services::follow() {
    std::set<std::string> services;
    for (const auto& [name, options] : base_.settings->services) {
        services.insert(name);
    }
    endpoints_.keep(services);
    checks_.follow(checks_of(*base_.settings));
    names_.follow(names_of(*base_.settings));
}

void Services::configure_breakers() {
    std::map<std::string, upstream::ServiceBreakerOptions> services;
    for (const auto& [name, options] : base_.settings->services) {
        services.emplace(name, options.breaker);
    }
    breakers_.configure(base_.settings->breaker, std::move(services));
}

void Services::warn_of_unverified() {
    for (const auto& [name, options] : base_.settings->services) {
        if (options.tls_client != nullptr && !options.tls.verify) {
            base_.log.warn(
                "TLS to a service is not verified: anybody on the way can read and change what "
                "is sent; remove `verify: false`",
                {{"upstream", name}});
        }
    }
}

void Services::adopt_members(const std::string& service,
                             const std::vector<upstream::Member>& members) {
    workers_.each([&](Worker& worker) { worker.adopt_members(service, members); });
    endpoints_.set_members(service, members);
    changed_();
}

void Services::endpoint_checked(const std::string& service, const net::Address& address,
                                bool well) {
    workers_.each([&](Worker& worker) { worker.adopt_check(service, address, well); });
    endpoints_.checked(service, address, well);
    changed_();
}

void Services::breaker_changed(const std::string& name) {
    const upstream::BreakerSnapshot now = breakers_.of(name).snapshot(base_.loop.now());
    const observe::LogLevel level = now.state == upstream::BreakerState::open
                                        ? observe::LogLevel::error
                                        : observe::LogLevel::warn;
    base_.log.write(
        level, "circuit breaker changed",
        {{"upstream", name}, {"state", upstream::name_of(now.state)}, {"reason", now.why}});
    changed_();
}

// One tenant's rush may be why a service is crowded: who is on duty sees whose.
void Services::tell_crowd(const std::string& service, std::size_t worker,
                          const std::vector<upstream::TenantLoad>& noisiest) {
    const control::CrowdBoard::Fact first =
        crowds_.set(service, worker, noisiest, base_.loop.now());
    if (!first.service.empty()) {
        base_.log.warn("requests wait for a service",
                       {{"upstream", service},
                        {"noisiestTenant", first.tenant},
                        {"inFlight", static_cast<std::int64_t>(first.in_flight)},
                        {"waiting", static_cast<std::int64_t>(first.waiting)}});
    }
}

std::string Services::breakers_json() {
    BreakerStates states = breaker_states();
    told_breakers_ = std::move(states.json);
    if (!states.closed) {
        base_.loop.timers().arm(look_, base_.loop.now() + kLookAtBreakers);
    }
    return told_breakers_;
}

Services::BreakerStates Services::breaker_states() const {
    BreakerStates states;
    breakers_.each([&](const upstream::Breaker& breaker) {
        const upstream::BreakerState state = breaker.snapshot(base_.loop.now()).state;
        states.closed = states.closed && state == upstream::BreakerState::closed;
        states.json += states.json.size() > 1 ? ",\"" : "\"";
        states.json += breaker.name();
        states.json += R"(":{"state":")";
        states.json += upstream::name_of(state);
        states.json += "\"}";
    });
    states.json += "}";
    return states;
}

void Services::look_at_breakers() {
    const BreakerStates states = breaker_states();
    if (states.json != told_breakers_) {
        changed_();
    } else if (!states.closed) {
        base_.loop.timers().arm(look_, base_.loop.now() + kLookAtBreakers);
    }
}

net::Task<void> Services::stop() {
    names_.stop();
    co_await names_.all_done();
    checks_.stop();
    co_await checks_.all_done();
}

}  // namespace gw::app
