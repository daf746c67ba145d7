#include "app/maintenance_notice.hpp"

namespace gw::app {

MaintenanceNotice::MaintenanceNotice(Foundation& base, state::KnownState& known,
                                     std::function<void()> changed)
    : base_(base),
      known_(known),
      changed_(std::move(changed)),
      windows_(base.loop, [this] { look(); }) {}

void MaintenanceNotice::plan() {
    const auto schedule = state::schedule_of(base_.settings->maintenance);
    known_.plan(schedule);
    windows_.keep(schedule);
}

void MaintenanceNotice::look() {
    const state::Known& known = *known_.current();
    const state::Maintenance mode = known.maintenance(base_.loop.clock().wall);
    const std::string_view banner = known.banner(base_.loop.clock().wall);
    const bool services_changed = look_at_services(known);
    if (mode == mode_ && banner == banner_ && !services_changed) {
        return;
    }
    if (mode != mode_) {
        base_.log.warn("maintenance mode changed",
                       {{"from", state::name_of(mode_)}, {"to", state::name_of(mode)}});
    }
    mode_ = mode;
    banner_ = banner;
    changed_();
}

bool MaintenanceNotice::look_at_services(const state::Known& known) {
    OfServices now;
    for (const state::Known::OfService& one :
         known.services_in_maintenance(base_.loop.clock().wall)) {
        now.emplace(one.service, one.mode);
    }
    if (now == services_) {
        return false;
    }
    const auto mode_in = [](const OfServices& modes, const std::string& service) {
        const auto found = modes.find(service);
        return state::name_of(found != modes.end() ? found->second : state::Maintenance::off);
    };
    OfServices all = now;
    all.insert(services_.begin(), services_.end());
    for (const auto& [service, mode] : all) {
        if (mode_in(services_, service) == mode_in(now, service)) {
            continue;
        }
        if (now.contains(service) && !base_.settings->services.contains(service)) {
            base_.log.warn("maintenance is set of a service that there is not, and closes nothing",
                           {{"upstream", service},
                            {"to", mode_in(now, service)},
                            {"remedy", "name it as it stands under `services`"}});
        } else {
            base_.log.warn("maintenance mode of a service changed",
                           {{"upstream", service},
                            {"from", mode_in(services_, service)},
                            {"to", mode_in(now, service)}});
        }
    }
    services_ = std::move(now);
    return true;
}

}  // namespace gw::app
