#include "cli/drill_play.hpp"

#include <algorithm>
#include <array>
#include <ranges>

namespace gw::cli {
namespace {

constexpr Millis kLookEvery{20};
constexpr Millis kUndoWithin{20'000};  // what was just started may take that long to answer

constexpr std::array kPlans{
    DrillPlan{"service-down", "A service fails every request: its breaker opens and closes",
              "CircuitBreakerOpen.md", play_service_down},
    DrillPlan{"high-latency", "A service takes more than two seconds: its breaker is held open",
              "APIGatewayHighLatency.md", play_high_latency},
    DrillPlan{"brute-force", "Somebody guesses passwords: the address is banned and let in again",
              "HighAuthenticationFailureRate.md", play_brute_force},
    DrillPlan{"cross-tenant", "A user asks for another tenant's data: contained, and undone",
              "CrossTenantAccessAttempt.md", play_cross_tenant},
    DrillPlan{"token-leak", "A token is in other hands: revoked, its user signs in again",
              "SecurityViolationDetected.md", play_token_leak},
    DrillPlan{"bad-configuration", "The configuration gets a mistake: refused, and taken back",
              "ConfigReloadRefused.md", play_bad_configuration},
    DrillPlan{"memory-pressure", "Memory runs short: reads are refused, purchases go on",
              "APIGatewayMemoryHigh.md", play_memory_pressure},
    DrillPlan{"redis-loss", "Redis is gone and comes back empty: bans stay in force",
              "StateBackendDown.md", play_redis_loss},
    DrillPlan{"region-loss", "A region is gone: the other one serves, bans in force",
              "APIGatewayDown.md", play_region_loss},
};

}  // namespace

std::span<const DrillPlan> drill_plans() {
    return kPlans;
}

DrillPlay::~DrillPlay() {
    for (const auto& undo : undo_ | std::views::reverse) {
        undo();
    }
}

bool DrillPlay::step(DrillPhase phase, const std::string& what, Millis within, const Look& look) {
    DrillStep found{.phase = phase, .what = what, .within = within, .found = {}};
    const Millis patience = std::min(within, stack_.arguments().patience);
    do {
        found.found = look();
        found.took = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began_);
        found.passed = found.found.empty() && found.took <= within;
    } while (!found.passed && found.took < patience && stack_.pause(kLookEvery));
    if (stack_.interrupted()) {
        found.found += " (ended by a signal)";
    } else if (!found.passed && found.found.empty()) {
        found.found = "it was so too late";
    }
    result_.steps.push_back(found);
    return found.passed;
}

bool DrillPlay::cause(const std::string& what, Millis within, const Look& look) {
    began_ = std::chrono::steady_clock::now();
    stack_.mark_log();
    return step(DrillPhase::cause, what, within, look);
}

bool DrillPlay::notice(const std::string& what, Millis within, const Look& look) {
    return step(DrillPhase::notice, what, within, look);
}

bool DrillPlay::hold(const std::string& what, Millis within, const Look& look) {
    return step(DrillPhase::hold, what, within, look);
}

bool DrillPlay::act(const std::string& what, Millis within, const Look& look) {
    began_ = std::chrono::steady_clock::now();
    return step(DrillPhase::act, what, within, look);
}

bool DrillPlay::recover(const std::string& what, Millis within, const Look& look) {
    began_ = std::chrono::steady_clock::now();
    return step(DrillPhase::recover, what, within, look);
}

void DrillPlay::insist(const std::function<bool()>& done) {
    const auto began = std::chrono::steady_clock::now();
    while (!done() && std::chrono::steady_clock::now() - began < kUndoWithin) {
        static_cast<void>(stack_.pause(kLookEvery));
    }
}

bool DrillPlay::alert(const std::string& name, Millis within) {
    return stack_.arguments().prometheus.empty() || notice("alert " + name, within, [&] {
               return stack_.fires(name) ? std::string() : "it does not fire";
           });
}

bool DrillPlay::line(const std::string& what, const std::vector<std::string>& texts) {
    return stack_.arguments().log.empty() || notice("the log: " + what, Millis{60'000}, [&] {
               return stack_.logged(texts) ? std::string() : "there is no such line";
           });
}

std::string DrillPlay::token() {
    std::string flaw;
    std::string token = stack_.sign_in({}, flaw);
    if (token.empty()) {
        refuse(flaw);
    }
    return token;
}

std::string unless_status(const DrillAnswer& answer, int status, std::string_view code) {
    return answer.status == status && answer.has(code)
               ? std::string()
               : "it answers " + std::to_string(answer.status) + " " + answer.body.substr(0, 200);
}

std::string unless_at_least(double value, double least) {
    return value >= least ? std::string() : "it is " + std::to_string(value);
}

}  // namespace gw::cli
