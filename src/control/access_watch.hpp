// Watches how people and tokens fare at the door, over all workers: who tries passwords (and, where
// the route says so, is banned for it), and what a wave of failures looks like. Control thread.
#pragma once

#include <functional>

#include "gateway/security_event.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "observe/log.hpp"
#include "security/address_users.hpp"
#include "security/auth_diagnosis.hpp"
#include "security/failed_logins.hpp"
#include "security/watch_options.hpp"
#include "state/store.hpp"

namespace gw::control {

// What the watch asks of its owner, on its thread.
struct AccessWatchPorts {
    // Requests of callers whose tokens were good, of all workers, ever.
    std::function<std::uint64_t()> successes;
    // For the audit record.
    std::function<void(const gateway::SecurityEvent& event)> keep;
    std::function<void(observe::Violation violation)> count;
};

// "brute_force", "clock", …
std::string_view cause_name(security::AuthDiagnosis::Cause cause);

class AccessWatch {
  public:
    AccessWatch(net::Loop& loop, observe::Log& log, std::uint64_t seed, AccessWatchPorts ports);
    AccessWatch(const AccessWatch&) = delete;
    AccessWatch& operator=(const AccessWatch&) = delete;

    // What was counted is kept unless the limits change.
    void configure(const security::WatchOptions& options);
    // Where bans go. Must outlive stop().
    void use_store(state::Store& store) { store_ = &store; }
    // Keys, issuer or configuration changed.
    void configuration_changed() { tally_.configuration_changed(loop_.now()); }

    void take(const gateway::AccessNote& note);

    [[nodiscard]] std::uint32_t users_of(const IpAddress& address) const {
        return users_.count(address, loop_.now());
    }
    [[nodiscard]] const security::AuthDiagnosis& diagnosis() const { return diagnosis_; }

    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    struct DiagnosisTimer : net::Timer {
        explicit DiagnosisTimer(AccessWatch& w)
            : Timer([](Timer& timer) { static_cast<DiagnosisTimer&>(timer).watch.look(); }),
              watch(w) {}
        AccessWatch& watch;
    };

    void look();
    void count_failure(const gateway::AccessNote& note, std::optional<std::uint64_t> account);
    void found(const security::BruteForce& attack, const gateway::AccessNote& note);
    net::Task<void> ban(IpAddress address, std::chrono::seconds length, std::uint32_t failures);

    net::Loop& loop_;
    observe::Log& log_;
    AccessWatchPorts ports_;
    state::Store* store_ = nullptr;
    security::WatchOptions options_;
    security::FailedLogins logins_;
    security::AddressUsers users_;
    security::AuthTally tally_;
    std::uint64_t successes_ = 0;
    security::AuthDiagnosis diagnosis_;
    Instant told_{};
    DiagnosisTimer timer_{*this};
    net::Scope scope_;
    bool stopping_ = false;
};

}  // namespace gw::control
