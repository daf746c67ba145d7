// Containment of a breach in one call: tokens are revoked, users, tenants and addresses banned, for
// a time, on all gateways, because everything is a key of the shared state; bans also end what is
// in flight. What is done is written down first, under `containment:<id>`, with what was there
// before: so that it can be undone, from any gateway, and so that a report is left. Control thread.
#pragma once

#include <vector>

#include "base/random.hpp"
#include "control/access_watch.hpp"
#include "control/admin_api.hpp"
#include "control/contain_record.hpp"
#include "control/contain_steps.hpp"
#include "state/store.hpp"

namespace gw::control {

// Pinned; outlives the API that it was added to.
class Containment {
  public:
    // watch: tells how many users an address has had.
    Containment(net::Loop& loop, state::Store& store, const AccessWatch& watch)
        : loop_(loop), store_(store), watch_(watch) {}
    Containment(const Containment&) = delete;
    Containment& operator=(const Containment&) = delete;

    void add_to(AdminApi& api);

  private:
    using Answer = net::Task<AdminAnswer>;
    Answer contain(AdminCall call);
    Answer report(AdminCall call);
    Answer undo(AdminCall call);
    // Reads what is there into each step. An error: the store does not answer.
    net::Task<Result<void>> look(std::vector<ContainStep>* steps);
    // What is there and which containment holds it. An error: the store does not answer.
    net::Task<Result<std::optional<Standing>>> standing(std::string key);
    // A key and who holds it; the key first, for it is what counts.
    net::Task<Result<void>> write(std::string key, Standing what);
    // Of the containments whose keys this one took over, and of those before them.
    net::Task<Result<ContainRecords>> records_before(std::vector<std::string> wanted);
    boost::json::array shown(const std::vector<ContainStep>& steps) const;

    net::Loop& loop_;
    state::Store& store_;
    const AccessWatch& watch_;
    Random random_{Random::fresh_seed()};
};

}  // namespace gw::control
