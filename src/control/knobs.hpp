// Settings that operators change for a time without touching the configuration: rate limits,
// breakers, the log's level. One of all gateways is a key of the state (`knob:…`), one of this
// gateway alone is kept here and gone with the process. Each has an author, a reason and, as a
// rule, an end, at which the setting goes back to what is configured by itself.
//
// What wins: a knob of this gateway over one of all, and either over the configuration; a reload
// changes what is under a knob, never the knob. Control thread.
#pragma once

#include <boost/json/array.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/knob_value.hpp"
#include "gateway/security_event.hpp"
#include "net/loop.hpp"
#include "observe/log.hpp"
#include "state/known_state.hpp"

namespace gw::control {

// How a knob acts. Each is called when what is in force has changed.
struct KnobPorts {
    // Why that cannot be; nothing: it can. limit: of a policy by its name; breaker: of a service.
    std::function<std::optional<config::Flaw>(std::string_view name, const KnobSetting& setting)>
        check;
    // All that are in force, by the policy's name.
    std::function<void(const std::map<std::string, limits::PolicyOverride>& limits)> limits;
    // No state: as the breaker finds right.
    std::function<void(const std::string& service, std::optional<upstream::BreakerState> state,
                       WallTime until)>
        breaker;
    // Nothing: as configured.
    std::function<void(std::optional<observe::LogLevel> level)> log_level;
    // For the audit record.
    std::function<void(const gateway::SecurityEvent& event)> keep;
};

class Knobs {
  public:
    Knobs(net::Loop& loop, observe::Log& log, KnobPorts ports)
        : loop_(loop), log_(log), ports_(std::move(ports)) {}
    Knobs(const Knobs&) = delete;
    Knobs& operator=(const Knobs&) = delete;

    // What the state says now; null: nothing.
    void adopt(const std::shared_ptr<const state::KnobTexts>& texts);
    // Of this gateway alone. until_reload: ends with the next configuration, too.
    void set_here(const std::string& name, KnobValue value, bool until_reload = false);
    // False: there was none.
    bool lift_here(const std::string& name);
    // There is another configuration: what could not be may now, and the other way round; what was
    // set until then ends.
    void reloaded();

    struct Knob {
        KnobValue value;
        bool everywhere = false;
        bool until_reload = false;
        bool operator==(const Knob&) const = default;
    };
    [[nodiscard]] const std::map<std::string, Knob, std::less<>>& in_force() const {
        return in_force_;
    }
    // Null: that setting is as configured.
    [[nodiscard]] const Knob* find(std::string_view name) const;
    [[nodiscard]] boost::json::array json() const;
    [[nodiscard]] boost::json::object json_of(std::string_view name, const Knob& knob) const;
    void stop() { timer_.disarm(); }

  private:
    struct EndTimer : net::Timer {
        explicit EndTimer(Knobs& k)
            : Timer([](Timer& timer) { static_cast<EndTimer&>(timer).knobs.settle("expired"); }),
              knobs(k) {}
        Knobs& knobs;
    };
    using Set = std::map<std::string, Knob, std::less<>>;

    // Reads and checks what the state says. why: as for settle().
    void read(std::string_view why);
    // Brings into force what is to be by now. why: of those that end, a literal.
    void settle(std::string_view why);
    void act(const Set& before);
    void tell_set(const std::string& name, const Knob& knob);
    void tell_lapsed(const std::string& name, const Knob& knob, std::string_view why);
    void complain(std::string_view name, const state::KnobText& text, const config::Flaw& flaw);
    void record(const std::string& name, const Knob& knob, std::string_view decision,
                const std::string& detail);

    net::Loop& loop_;
    observe::Log& log_;
    const KnobPorts ports_;
    std::shared_ptr<const state::KnobTexts> texts_;  // as last adopted
    std::map<std::string, state::KnobText, std::less<>> complained_;
    Set everywhere_;
    Set here_;
    Set in_force_;
    EndTimer timer_{*this};
};

}  // namespace gw::control
