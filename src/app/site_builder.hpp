// From settings to what the workers use of them.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "app/settings.hpp"
#include "control/health_checks.hpp"
#include "control/name_watch.hpp"
#include "gateway/site.hpp"
#include "identity/key_set.hpp"
#include "state/known_state.hpp"

namespace gw::app {

struct LoadedSite {
    std::shared_ptr<const Settings> settings;
    std::shared_ptr<const gateway::Site> site;
    std::vector<identity::Key> keys;  // that the configuration itself holds
};

// Reads, checks and builds; all mistakes at once. generation: counts the configurations of this
// process, from 1, which is its start.
std::expected<LoadedSite, std::vector<config::Mistake>> load_site(
    const std::string& path, const config::Environment& environment, std::uint64_t generation);

// limits: those of the settings, or what operators have made of them since.
std::shared_ptr<const gateway::Site> build_site(const Settings& settings,
                                                const limits::LimitsOptions& limits,
                                                std::uint64_t generation);

// The names whose addresses are to be kept.
std::vector<control::NamedService> names_of(const Settings& settings);

// How the endpoints of each are checked.
std::vector<control::CheckedService> checks_of(const Settings& settings);

struct HealthFacts {
    bool draining = false;
    std::string circuit_breakers = "{}";  // JSON
    std::string upstreams = "{}";         // JSON
    std::string_view backend;
    bool store_available = true;
    bool store_permits = true;  // all that we need of it
    bool store_prompt = true;   // it answers in time for rate limits
    state::Maintenance maintenance = state::Maintenance::off;
    std::string_view banner;
    std::vector<state::Known::OfService> services_in_maintenance{};
};

// The fixed part of /health, up to the value of "uptime".
std::string health_body(const Settings& settings, const HealthFacts& facts);

// How many workers: as configured, else the CPUs that this process may use (its cgroup's quota, its
// affinity).
std::size_t worker_count(const Settings& settings);

}  // namespace gw::app
