// Tells when a window of maintenance begins or ends. Control thread.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>

#include "net/loop.hpp"
#include "state/maintenance.hpp"

namespace gw::control {

class MaintenanceClock {
  public:
    MaintenanceClock(net::Loop& loop, std::function<void()> changes)
        : loop_(loop), changes_(std::move(changes)) {}
    MaintenanceClock(const MaintenanceClock&) = delete;
    MaintenanceClock& operator=(const MaintenanceClock&) = delete;

    // Null: no windows.
    void keep(std::shared_ptr<const state::MaintenanceSchedule> schedule) {
        schedule_ = std::move(schedule);
        arm();
    }
    void stop() { timer_.disarm(); }

  private:
    struct ChangeTimer : net::Timer {
        explicit ChangeTimer(MaintenanceClock& c)
            : Timer([](Timer& timer) { static_cast<ChangeTimer&>(timer).clock.look(); }),
              clock(c) {}
        MaintenanceClock& clock;
    };

    void look() {
        changes_();
        arm();
    }
    void arm() {
        if (schedule_ == nullptr) {
            timer_.disarm();
            return;
        }
        // Far changes are looked at again in between: the wall clock may be set.
        constexpr auto kLookAgain = std::chrono::minutes(1);
        const WallTime now = loop_.clock().wall;
        const auto wait = std::clamp<Instant::duration>(schedule_->next_change(now) - now,
                                                        Millis(10), kLookAgain);
        loop_.timers().arm(timer_, loop_.now() + wait);
    }

    net::Loop& loop_;
    std::function<void()> changes_;
    std::shared_ptr<const state::MaintenanceSchedule> schedule_;
    ChangeTimer timer_{*this};
};

}  // namespace gw::control
