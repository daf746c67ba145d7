// All workers: what they are told together, what they have counted together, and how they end.
// Control thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "app/foundation.hpp"
#include "app/settings.hpp"
#include "app/sockets.hpp"
#include "app/worker.hpp"
#include "net/task.hpp"

namespace gw::app {

class Workers {
  public:
    // None of them runs yet. connections_max: of clients, of all together.
    Workers(Foundation& base, std::size_t count, std::size_t connections_max);
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // tell: takes a Worker& and, if it likes, its number.
    template <class Tell>
    void each(const Tell& tell) {
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            if constexpr (std::is_invocable_v<Tell, Worker&, std::size_t>) {
                tell(*workers_[i], i);
            } else {
                tell(*workers_[i]);
            }
        }
    }
    void start(const std::shared_ptr<const gateway::Site>& site, OpenSockets& sockets);

    // Clients are still served, and told that their connection ends, until `drained`; then what is
    // in flight may end until `latest`, and is ended. No worker runs when this returns.
    net::Task<void> stop(Instant drained, Instant latest);
    // Somebody who has asked to stop asks again: goes on to the next step of stopping at once.
    void hurry();

    [[nodiscard]] std::size_t count() const { return workers_.size(); }
    [[nodiscard]] std::size_t connections() const;
    [[nodiscard]] std::size_t connections_max() const { return budget_.most(); }
    [[nodiscard]] std::vector<const observe::MetricBlock*> metrics() const;
    // Sign-ins that have succeeded.
    [[nodiscard]] std::uint64_t sign_ins() const;
    // Requests that a policy refused, or would have.
    [[nodiscard]] std::uint64_t refused_by(std::string_view policy) const;
    // What the control thread found out over all workers; it is counted once.
    void count_violation(observe::Violation violation) {
        workers_.front()->count_violation(violation);
    }

  private:
    net::Task<void> wait_for_connections(Instant until);

    observe::Log& log_;
    net::Loop& loop_;
    net::ConnectionBudget budget_;
    std::vector<std::unique_ptr<Worker>> workers_;
    net::Pause pause_{loop_};
    bool impatient_ = false;
};

}  // namespace gw::app
