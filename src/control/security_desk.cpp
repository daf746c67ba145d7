#include "control/security_desk.hpp"

namespace gw::control {

SecurityDesk::SecurityDesk(net::Loop& loop, observe::Log& log, std::uint64_t seed,
                           AccessWatchPorts ports)
    : loop_(loop), log_(log), hash_(seed), audit_(loop, log), watch_(loop, log, seed, [&] {
          ports.keep = [this](const gateway::SecurityEvent& event) { audit_.keep(event); };
          return std::move(ports);
      }()) {}

void SecurityDesk::wake() {
    if (!std::exchange(awake_, true)) {
        loop_.post([this] { take_in(); });
    }
}

void SecurityDesk::keep(gateway::SecurityEvent event) {
    const std::scoped_lock lock(mutex_);
    if (events_.size() >= kWaitingMax) {
        ++dropped_;
        return;
    }
    events_.push_back(std::move(event));
    wake();
}

void SecurityDesk::note(gateway::AccessNote note) {
    const std::scoped_lock lock(mutex_);
    if (notes_.size() >= kWaitingMax) {
        ++dropped_;
        return;
    }
    notes_.push_back(std::move(note));
    wake();
}

void SecurityDesk::take_in() {
    std::vector<gateway::SecurityEvent> events;
    std::vector<gateway::AccessNote> notes;
    std::uint64_t dropped = 0;
    {
        const std::scoped_lock lock(mutex_);
        events.swap(events_);
        notes.swap(notes_);
        dropped = std::exchange(dropped_, 0);
        awake_ = false;
    }
    for (const gateway::SecurityEvent& event : events) {
        audit_.keep(event);
    }
    for (const gateway::AccessNote& note : notes) {
        watch_.take(note);
    }
    if (dropped > 0) {
        log_.error("security events came faster than they could be kept",
                   {{"dropped", static_cast<std::int64_t>(dropped)}});
    }
}

void SecurityDesk::stop() {
    take_in();
    watch_.stop();
    audit_.stop();
}

}  // namespace gw::control
