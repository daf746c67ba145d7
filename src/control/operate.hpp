// What operators do through the admin API: look at bans and lift them, revoke, close the house, ask
// how things are. Control thread.
#pragma once

#include <functional>

#include "control/access_watch.hpp"
#include "control/admin_api.hpp"
#include "control/admin_body.hpp"
#include "control/knobs.hpp"
#include "gateway/answer_cache.hpp"
#include "identity/api_key.hpp"
#include "state/known_state.hpp"
#include "state/store.hpp"
#include "upstream/breaker_set.hpp"

namespace gw::control {

// What the operations work on; all outlive the API.
struct OperatedParts {
    net::Loop& loop;
    state::Store& store;
    const state::KnownState& known;
    const AccessWatch& watch;
    upstream::BreakerSet& breakers;
    gateway::AnswerCache& answers;
    Knobs& knobs;
    // How long a token that was issued until now is accepted at most.
    std::function<std::chrono::seconds()> token_life;
    // The API keys in force; revocations of tokens leave them alone.
    std::function<const identity::ApiKeys&()> api_keys;
    // The facts of GET /status.
    std::function<boost::json::object()> status;
};

// Pinned; outlives the API that it was added to.
class Operations {
  public:
    explicit Operations(OperatedParts parts) : parts_(std::move(parts)) {}
    Operations(const Operations&) = delete;
    Operations& operator=(const Operations&) = delete;

    void add_to(AdminApi& api);

  private:
    using Answer = net::Task<AdminAnswer>;
    Answer status(AdminCall call);
    Answer authentication(AdminCall call);
    Answer list_bans(AdminCall call);
    Answer ban(AdminCall call);
    Answer unban(AdminCall call);
    Answer revoke(AdminCall call);
    Answer set_maintenance(AdminCall call);
    Answer set_log_level(AdminCall call);
    Answer list_breakers(AdminCall call);
    Answer force_breaker(AdminCall call);
    Answer purge_cache(AdminCall call);
    Answer list_knobs(AdminCall call);
    Answer turn(std::string knob, KnobSetting setting, Lifetime lifetime, AdminCall call,
                bool until_reload = false);
    Answer lift(std::string knob, AdminCall call);
    net::Task<void> claim(std::string key);
    // The keys that ban the address or block that is called for, besides the one that is set here.
    [[nodiscard]] std::vector<std::string> other_spellings(const AdminCall& call) const;
    net::Task<Result<std::int64_t>> erase_bans(std::vector<std::string> keys);
    // Sets a key, or refuses with what the store said.
    Answer set(std::string key, std::string value, std::optional<Millis> ttl);

    const OperatedParts parts_;
};

}  // namespace gw::control
