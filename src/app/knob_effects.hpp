// How the settings that operators change for a time act in this process: on limits, breakers and
// the log's level. Control thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/foundation.hpp"
#include "app/workers.hpp"
#include "control/audit_keeper.hpp"
#include "control/knobs.hpp"
#include "upstream/breaker_set.hpp"

namespace gw::app {

class KnobEffects {
  public:
    // All outlive this.
    KnobEffects(Foundation& base, Workers& workers, upstream::BreakerSet& breakers,
                control::AuditKeeper& audit);
    KnobEffects(const KnobEffects&) = delete;
    KnobEffects& operator=(const KnobEffects&) = delete;

    // The settings in force are new: what is set goes on to act on them.
    void reloaded();
    // Why that cannot be set; nothing: it can.
    [[nodiscard]] std::optional<config::Flaw> check(std::string_view name,
                                                    const control::KnobSetting& setting) const;
    // Of everything that can be set.
    [[nodiscard]] std::vector<observe::Exposition::KnobFacts> facts() const;

    [[nodiscard]] control::Knobs& knobs() { return knobs_; }
    void stop() { knobs_.stop(); }

  private:
    control::KnobPorts ports();
    void limit(const std::map<std::string, limits::PolicyOverride>& limits);
    void force(const std::string& service, std::optional<upstream::BreakerState> state,
               WallTime until);
    [[nodiscard]] std::optional<config::Flaw> check_limit(const std::string& policy,
                                                          const limits::PolicyOverride& over) const;
    void build_limited_site();
    [[nodiscard]] observe::LogLevel log_level() const;

    Foundation& base_;
    Workers& workers_;
    upstream::BreakerSet& breakers_;
    control::AuditKeeper& audit_;
    std::map<std::string, limits::PolicyOverride> limits_;  // that are in force
    control::Knobs knobs_;
};

}  // namespace gw::app
