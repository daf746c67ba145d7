// Where workers hand in what concerns security: the audit record and the watch over the door get
// it here, on the control thread.
#pragma once

#include <mutex>
#include <vector>

#include "control/access_watch.hpp"
#include "control/audit_keeper.hpp"
#include "state/replica_map.hpp"

namespace gw::control {

class SecurityDesk final : public gateway::SecurityRecord {
  public:
    // seed: Random::fresh_seed(). ports.keep is the desk's own.
    SecurityDesk(net::Loop& loop, observe::Log& log, std::uint64_t seed, AccessWatchPorts ports);
    SecurityDesk(const SecurityDesk&) = delete;
    SecurityDesk& operator=(const SecurityDesk&) = delete;

    // Any thread.
    void keep(gateway::SecurityEvent event) override;
    void note(gateway::AccessNote note) override;
    [[nodiscard]] std::uint64_t hash(std::string_view name) const override { return hash_(name); }

    // Control thread, as everything below.
    [[nodiscard]] AuditKeeper& audit() { return audit_; }
    [[nodiscard]] AccessWatch& watch() { return watch_; }

    // Workers hand in nothing any more. May be destroyed once all_done() of both.
    void stop();

  private:
    // What may wait for the control thread; under a flood the rest is dropped, and counted.
    static constexpr std::size_t kWaitingMax = 20'000;

    void take_in();
    void wake();  // with the mutex held

    net::Loop& loop_;
    observe::Log& log_;
    const state::ReplicaHash hash_;
    AuditKeeper audit_;
    AccessWatch watch_;

    std::mutex mutex_;
    std::vector<gateway::SecurityEvent> events_;
    std::vector<gateway::AccessNote> notes_;
    std::uint64_t dropped_ = 0;
    bool awake_ = false;
};

}  // namespace gw::control
