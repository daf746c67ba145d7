// The port of those who operate the gateway: metrics, health, the admin API and the console, and
// what each of them says of this process. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/foundation.hpp"
#include "app/issuers.hpp"
#include "app/knob_effects.hpp"
#include "app/memory_pressure.hpp"
#include "app/services.hpp"
#include "app/shared_state.hpp"
#include "app/workers.hpp"
#include "control/admin.hpp"
#include "control/console.hpp"
#include "control/console_operations.hpp"
#include "control/containment.hpp"
#include "control/explain_operation.hpp"
#include "control/limit_operations.hpp"
#include "control/operate.hpp"
#include "control/security_desk.hpp"
#include "http/h1_server.hpp"
#include "net/listener.hpp"
#include "net/task.hpp"

namespace gw::app {

// What operators see and turn; all outlive the port.
struct OperatedProcess {
    Foundation& base;
    Workers& workers;
    control::SecurityDesk& desk;
    Services& services;
    Issuers& issuers;
    SharedState& shared;
    KnobEffects& knobs;
    MemoryPressure& memory;
    std::function<control::ReloadOutcome()> reload;
};

class OperatorsPort {
  public:
    OperatorsPort(OperatedProcess process, std::vector<net::Fd> sockets);
    OperatorsPort(const OperatorsPort&) = delete;
    OperatorsPort& operator=(const OperatorsPort&) = delete;

    // The console begins to sample; before, it answers already.
    void start() { console_.start(); }
    // By the settings in force.
    void configure();
    void adopt_health(std::shared_ptr<const gateway::HealthReport> report);
    void note(const control::ReloadOutcome& outcome);
    net::Task<void> stop();

  private:
    control::ConsoleParts console_parts();
    control::OperatedParts operated_parts();
    control::LimitParts limit_parts();
    control::ExplainedParts explained_parts();
    [[nodiscard]] boost::json::object status() const;
    [[nodiscard]] boost::json::object console_status() const;
    [[nodiscard]] gateway::ExplainParts explain_parts() const;

    const OperatedProcess process_;
    Foundation& base_;
    std::shared_ptr<const gateway::HealthReport> health_;  // null: not known yet
    std::string refused_;  // the first mistake of the configuration that was read last; "": none
    control::AdminApi api_;
    control::Operations operations_;
    control::LimitOperations limit_operations_;
    control::ExplainOperation explain_operation_;
    control::Containment containment_;
    control::ConsoleOperations console_operations_;
    control::Console console_;
    control::Admin admin_;
    http::H1ServerShared shared_;
    net::ConnectionBudget budget_;
    http::H1Server server_;
    std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace gw::app
