// Says when maintenance begins and ends: in the log, and to whoever shows it. What brings it about
// is the state, the clock, or a window of the configuration. Control thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "app/foundation.hpp"
#include "control/maintenance_clock.hpp"
#include "state/known_state.hpp"

namespace gw::app {

class MaintenanceNotice {
  public:
    // changed: the mode, that of a service, or the banner. known: outlives this.
    MaintenanceNotice(Foundation& base, state::KnownState& known, std::function<void()> changed);
    MaintenanceNotice(const MaintenanceNotice&) = delete;
    MaintenanceNotice& operator=(const MaintenanceNotice&) = delete;

    // The windows of the settings in force are those that count.
    void plan();
    // Looks at what is known now.
    void look();
    void stop() { windows_.stop(); }

    [[nodiscard]] state::Maintenance mode() const { return mode_; }  // as last told

  private:
    using OfServices = std::map<std::string, state::Maintenance, std::less<>>;

    bool look_at_services(const state::Known& known);

    Foundation& base_;
    state::KnownState& known_;
    const std::function<void()> changed_;
    control::MaintenanceClock windows_;
    state::Maintenance mode_ = state::Maintenance::off;
    OfServices services_;  // as last told, too
    std::string banner_;
};

}  // namespace gw::app
