// What the console asks beside the commands' operations: which revocations there are, to lift one,
// to read the configuration again. Part of the admin API, for everybody. Control thread.
#pragma once

#include <functional>

#include "control/admin_api.hpp"
#include "control/console_record.hpp"
#include "state/known_state.hpp"
#include "state/store.hpp"

namespace gw::control {

// Pinned; outlives the API that it was added to.
class ConsoleOperations {
  public:
    using Reload = std::function<ReloadOutcome()>;
    ConsoleOperations(net::Loop& loop, state::Store& store, const state::KnownState& known,
                      Reload reload)
        : loop_(loop), store_(store), known_(known), reload_(std::move(reload)) {}
    ConsoleOperations(const ConsoleOperations&) = delete;
    ConsoleOperations& operator=(const ConsoleOperations&) = delete;

    void add_to(AdminApi& api);

  private:
    using Answer = net::Task<AdminAnswer>;
    Answer list_revocations(AdminCall call);
    Answer lift_revocation(AdminCall call);
    Answer reload(AdminCall call);

    net::Loop& loop_;
    state::Store& store_;
    const state::KnownState& known_;
    Reload reload_;
};

}  // namespace gw::control
