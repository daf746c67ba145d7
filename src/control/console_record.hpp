// What the console remembers of events: those of security and the audit, and reloads of the
// configuration. Bounded. Control thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <deque>
#include <string>
#include <vector>

#include "gateway/security_event.hpp"

namespace gw::control {

struct ReloadOutcome {
    WallTime time{};
    bool taken = false;   // else refused, and the old one stays
    std::string cause{};  // "signal", "file", "certificate", "console"
    std::string hash{};   // that is in force now
    std::uint64_t generation = 0;
    std::string mistake{};               // of a refused one: the first
    std::vector<std::string> changes{};  // of one that was taken: config_changes()
};

class ConsoleRecord {
  public:
    static constexpr std::size_t kEventsMax = 500;
    static constexpr std::size_t kReloadsMax = 20;
    static constexpr std::size_t kTextMax = 400;  // bytes of each text of an event

    void note(gateway::SecurityEvent event);
    void note(const ReloadOutcome& outcome);

    // How many events there were, ever: the number of the next one.
    [[nodiscard]] std::uint64_t next() const { return next_; }
    // Those from that number on, as far as they are remembered.
    [[nodiscard]] boost::json::array events_since(std::uint64_t number) const;
    [[nodiscard]] boost::json::array reloads() const;

  private:
    std::deque<gateway::SecurityEvent> events_;
    std::uint64_t next_ = 0;
    std::deque<boost::json::object> reloads_;
};

// Milliseconds since the epoch, as pages reckon.
std::int64_t epoch_millis(WallTime time);

}  // namespace gw::control
