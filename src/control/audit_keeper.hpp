// Keeps the audit record: events go to the chained file, and to a stream in Redis where there is
// one. While the file takes nothing they wait, up to a limit, and are written when it does. Control
// thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "gateway/security_event.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "observe/log.hpp"
#include "security/audit_chain.hpp"
#include "state/store.hpp"

namespace gw::control {

class AuditKeeper {
  public:
    static constexpr std::size_t kWaitingMax = 10'000;  // events; some megabytes
    static constexpr std::string_view kStream = "audit:events";

    AuditKeeper(net::Loop& loop, observe::Log& log) : loop_(loop), log_(log) {}
    AuditKeeper(const AuditKeeper&) = delete;
    AuditKeeper& operator=(const AuditKeeper&) = delete;

    // Opens the file; the same again opens it anew, for rotation. A file that cannot be opened is
    // tried again, and keeps nothing from serving.
    void configure(const security::AuditOptions& options);
    // Where the stream is. Must outlive stop().
    void use_store(state::Store& store) { store_ = &store; }

    void keep(const gateway::SecurityEvent& event);
    // Is told of each event that is kept.
    void tell_to(std::function<void(const gateway::SecurityEvent& event)> tell) {
        tell_ = std::move(tell);
    }

    // Writes what waits, if that is possible. May be destroyed once all_done().
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    struct RetryTimer : net::Timer {
        explicit RetryTimer(AuditKeeper& k)
            : Timer([](Timer& timer) { static_cast<RetryTimer&>(timer).keeper.write_waiting(); }),
              keeper(k) {}
        AuditKeeper& keeper;
    };

    bool open();
    bool write(const gateway::SecurityEvent& event);
    void write_waiting();
    void failed(int error);
    net::Task<void> stream(std::vector<std::string> command);

    net::Loop& loop_;
    observe::Log& log_;
    state::Store* store_ = nullptr;
    security::AuditOptions options_;
    std::unique_ptr<security::AuditChain> chain_;  // null: no file is wanted
    std::deque<gateway::SecurityEvent> waiting_;
    std::uint64_t lost_ = 0;
    bool failing_ = false;
    std::size_t streaming_ = 0;
    std::function<void(const gateway::SecurityEvent& event)> tell_;
    RetryTimer retry_{*this};
    net::Scope scope_;
};

}  // namespace gw::control
