// What this gateway shares with others: the store behind it, what is known of the store in memory,
// and all that counts, remembers or keeps something there: rate limits, idempotency keys, answers,
// session tickets. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/foundation.hpp"
#include "app/maintenance_notice.hpp"
#include "app/workers.hpp"
#include "control/answer_link.hpp"
#include "control/idempotency_link.hpp"
#include "control/limit_link.hpp"
#include "control/moment_writer.hpp"
#include "control/region_peers.hpp"
#include "control/ticket_keeper.hpp"
#include "gateway/answer_cache.hpp"
#include "gateway/rate_limits.hpp"
#include "net/task.hpp"
#include "state/known_keeper.hpp"
#include "state/resp_server.hpp"
#include "state/snapshot_keeper.hpp"
#include "state/store.hpp"

namespace gw::state {
class EmbeddedStore;
}

namespace gw::app {

struct SharedStateListener {
    // Another version of what is known; workers have it already.
    std::function<void(const state::Known& known)> published;
    // What /health says of the store or of maintenance is another.
    std::function<void()> changed;
    // Somebody's command on the port for redis-cli has been answered.
    state::RespServer::Answered commanded;
};

class SharedState {
  public:
    SharedState(Foundation& base, Workers& workers, SharedStateListener listener);
    SharedState(const SharedState&) = delete;
    SharedState& operator=(const SharedState&) = delete;

    // Follows the store from here on. resp: what to listen on for redis-cli; it may be invalid.
    void start(net::Fd resp);
    // By the settings in force.
    void configure();
    // The settings in force are new: answers that were kept by others are dropped.
    void forget_answers();

    // What is known is written where the next process finds it, which is expected from here on.
    void flush();
    // The next process has our sockets: it would never know what is written here from now on.
    void handed_over();
    // That one has ended, or has never had them: what is written here counts.
    void taken_back();

    // Ends whatever asks the store or writes there for requests; then nobody but the audit record
    // does.
    net::Task<void> stop_links();
    net::Task<void> stop_store();

    [[nodiscard]] state::Store& store() { return *store_; }
    [[nodiscard]] const state::Store& store() const { return *store_; }
    [[nodiscard]] bool available() const { return available_; }
    // The store is there, but not all that we need of it is permitted.
    [[nodiscard]] bool refused() const { return !refused_.empty(); }
    // The store is there, and answers too late for rate limits: this gateway counts alone.
    [[nodiscard]] bool slow() const { return limit_link_.slow(); }
    // Workers begin: they are given what is known, and each later version.
    void serve();
    // The store, and those of other regions, have once told all that they know, and known() has it.
    [[nodiscard]] bool told_all() const;
    [[nodiscard]] const state::KnownState& known_state() { return keeper_.state(); }
    [[nodiscard]] std::shared_ptr<const state::Known> known() { return keeper_.state().current(); }
    [[nodiscard]] MaintenanceNotice& maintenance() { return maintenance_; }
    [[nodiscard]] gateway::RateLimits& limits() { return limits_; }
    [[nodiscard]] gateway::AnswerCache& answers() { return answers_; }
    // How many gateways share the limits.
    [[nodiscard]] std::uint32_t gateways() const { return limit_link_.gateways(); }

  private:
    state::KnownStateListener listener_of_state();
    void make_store();
    state::Follower& follower();
    void share_answers();
    void tidy_limits();
    void published(const std::shared_ptr<const state::Known>& known);
    void complain(std::string_view key, const char* why);
    void backend_changed(bool available, const char* why);
    void refused(std::string_view what);
    void pace_changed();
    // A ban or a revocation, or that there is none.
    [[nodiscard]] bool knows_some();
    void purge(std::string_view what, std::string_view value);
    void forget_limit(std::string_view key);

    struct LimitTimer : net::Timer {
        explicit LimitTimer(SharedState& s)
            : Timer([](Timer& timer) { static_cast<LimitTimer&>(timer).shared.tidy_limits(); }),
              shared(s) {}
        SharedState& shared;
    };

    Foundation& base_;
    Workers& workers_;
    const SharedStateListener listener_;
    control::LimitLink limit_link_;
    control::IdempotencyLink idempotency_link_;
    control::AnswerLink answer_link_;
    gateway::AnswerCache answers_{0};
    std::string answers_by_;  // Site::answers_hash of what is kept
    gateway::RateLimits limits_;
    LimitTimer limit_timer_{*this};
    control::TicketKeeper tickets_;
    control::MomentWriter moments_;
    state::KnownKeeper keeper_;
    MaintenanceNotice maintenance_;
    std::unique_ptr<control::RegionPeers> regions_;  // null: there is one region
    std::unique_ptr<state::Store> store_;
    state::EmbeddedStore* embedded_ = nullptr;         // the store, where it is this one
    std::unique_ptr<state::SnapshotKeeper> snapshot_;  // null: nothing is kept
    std::unique_ptr<state::RespServer> resp_;
    bool serving_ = false;
    bool available_ = true;
    std::string refused_;                        // what the store does not permit
    std::optional<bool> told_available_ = true;  // nothing: how Redis is has not turned out yet
};

}  // namespace gw::app
