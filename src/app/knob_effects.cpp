#include "app/knob_effects.hpp"

#include <chrono>

namespace gw::app {

KnobEffects::KnobEffects(Foundation& base, Workers& workers, upstream::BreakerSet& breakers,
                         control::AuditKeeper& audit)
    : base_(base),
      workers_(workers),
      breakers_(breakers),
      audit_(audit),
      knobs_(base.loop, base.log, ports()) {}

control::KnobPorts KnobEffects::ports() {
    return {
        .check = [this](std::string_view name,
                        const control::KnobSetting& setting) { return check(name, setting); },
        .limits =
            [this](const std::map<std::string, limits::PolicyOverride>& limits) { limit(limits); },
        .breaker = [this](const std::string& service, std::optional<upstream::BreakerState> state,
                          WallTime until) { force(service, state, until); },
        .log_level =
            [this](std::optional<observe::LogLevel> level) {
                base_.log.set_level(level.value_or(base_.settings->log_level));
            },
        .keep = [this](const gateway::SecurityEvent& event) { audit_.keep(event); }};
}

void KnobEffects::reloaded() {
    knobs_.reloaded();
    base_.log.set_level(log_level());
    build_limited_site();
}

void KnobEffects::limit(const std::map<std::string, limits::PolicyOverride>& limits) {
    limits_ = limits;
    base_.site = build_site(*base_.settings, base_.settings->limits, base_.site->generation);
    build_limited_site();
    workers_.each([this](Worker& worker) { worker.adopt(base_.site); });
}

// The site of the settings, with what operators have made of its limits.
void KnobEffects::build_limited_site() {
    if (limits_.empty()) {
        return;
    }
    limits::LimitsOptions limits = base_.settings->limits;
    for (const auto& [name, over] : limits_) {
        if (limits::PolicyOptions* const policy = limits.find(name)) {
            *policy = limits::overridden(*policy, over).value_or(*policy);
        }
    }
    base_.site = build_site(*base_.settings, limits, base_.site->generation);
}

void KnobEffects::force(const std::string& service, std::optional<upstream::BreakerState> state,
                        WallTime until) {
    constexpr auto kLongest = std::chrono::hours(24 * 3650);
    const Instant now = base_.loop.now();
    const auto left = until == WallTime::max()
                          ? Instant::duration(kLongest)
                          : std::min<Instant::duration>(until - base_.loop.clock().wall, kLongest);
    breakers_.of(service).force(state, now + left, now);
}

observe::LogLevel KnobEffects::log_level() const {
    const control::Knobs::Knob* const knob = knobs_.find(control::kLogLevelKnob);
    return knob != nullptr ? std::get<observe::LogLevel>(knob->value.setting)
                           : base_.settings->log_level;
}

std::optional<config::Flaw> KnobEffects::check(std::string_view name,
                                               const control::KnobSetting& setting) const {
    if (const auto* over = std::get_if<limits::PolicyOverride>(&setting)) {
        return check_limit(std::string(name.substr(control::kLimitKnob.size())), *over);
    }
    if (std::holds_alternative<upstream::BreakerState>(setting)) {
        const std::string service(name.substr(control::kBreakerKnob.size()));
        if (!base_.settings->services.contains(service)) {
            return config::Flaw{
                "names the service " + config::quote(service) + ", which is not there",
                "GET /admin/v1/breakers lists those that are"};
        }
    }
    return std::nullopt;
}

std::optional<config::Flaw> KnobEffects::check_limit(const std::string& policy,
                                                     const limits::PolicyOverride& over) const {
    const limits::PolicyOptions* const options = base_.settings->limits.find(policy);
    if (options == nullptr) {
        return config::Flaw{"names the policy " + config::quote(policy) + ", which is not there",
                            "GET /admin/v1/limits lists those that are"};
    }
    if (!base_.settings->limits.enabled) {
        return config::Flaw{"changes a limit where limits are off",
                            "set RATE_LIMIT_ENABLED or limits.enabled to true"};
    }
    auto found = limits::overridden(*options, over);
    return found ? std::nullopt : std::optional(std::move(found.error()));
}

std::vector<observe::Exposition::KnobFacts> KnobEffects::facts() const {
    std::vector<observe::Exposition::KnobFacts> facts;
    const auto add = [&](std::string name) {
        const bool active = knobs_.find(name) != nullptr;
        facts.push_back({std::move(name), active});
    };
    base_.settings->limits.each_policy([&](const std::string& name, const limits::PolicyOptions&) {
        add(std::string(control::kLimitKnob) + name);
    });
    for (const auto& [name, options] : base_.settings->services) {
        add(std::string(control::kBreakerKnob) + name);
    }
    add(std::string(control::kLogLevelKnob));
    return facts;
}

}  // namespace gw::app
