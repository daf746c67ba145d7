// What security people want to know of: told once, here, to all who keep it: the log, the metrics
// and the audit record.
#pragma once

#include <string>
#include <string_view>

#include "gateway/exchange.hpp"
#include "observe/metrics.hpp"

namespace gw::gateway {

// For the audit record: who did what to what, and what was decided.
struct SecurityEvent {
    WallTime time{};
    std::string_view kind;  // a literal: a value of violation_type, or "access"
    std::string user;       // empty: nobody was known
    std::string tenant;
    std::string address;
    std::string resource;       // method and path, without the query
    std::string_view decision;  // a literal: "blocked", "logged" or "allowed"
    int status = 0;             // of the answer, where it is known
    std::string detail;
    std::string request_id;
};

// Keeps security events. Called by workers; must not wait.
class SecurityRecord {
  public:
    virtual void keep(SecurityEvent event) = 0;

  protected:
    ~SecurityRecord() = default;
};

// One "security violation" line, one count, one record. what: a literal.
void report_violation(Exchange& x, observe::Violation violation, std::string_view what,
                      std::string_view decision, int status);

// One line with "auth" and "fail", one count. cause: a value of kTokenErrors. what: a literal.
void report_failed_authentication(Exchange& x, std::size_t cause, std::string_view what);

// Somebody failed to sign in: a line, a count, and a violation once it is one time too many for the
// address (FailedLogins). Counted by each worker for itself.
void report_failed_login(Exchange& x);

// A request for what belongs to another tenant: one line with "cross-tenant", one count, one
// record. target: the tenant or venue that was named. Also counts a violation (tenant_bypass)
// unless `allowed`.
void report_cross_tenant(Exchange& x, std::string_view target, std::string_view resource,
                         bool allowed, int status);

}  // namespace gw::gateway
