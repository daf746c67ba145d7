// What security people want to know of: told once, here, to all who keep it: the log, the metrics
// and the audit record.
#pragma once

#include <memory>
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
    int status = 0;             // of the answer; 0: there is none yet
    std::string detail;
    std::string request_id;
};

// The request that failed at the door: whoever is found to guess is told of by the last of his.
struct FailedRequest {
    std::string request_id;
    std::string trace_id;
    std::string method;
    std::string path;  // without the query
    std::string route;
    std::string user;  // empty: nobody was known
    std::string tenant;
};

// What is counted over all workers: how people and tokens fare at the door.
struct AccessNote {
    enum class Kind : std::uint8_t {
        token_verified,  // for the first time by this worker
        token_refused,
        sign_in_failed,
        sign_in_succeeded,
    };
    Kind kind = Kind::token_verified;
    bool ban = false;       // of sign_in_failed: whoever goes on shall be banned
    std::size_t cause = 0;  // of token_refused: of kTokenErrors
    IpAddress address{};
    std::uint64_t account = 0;  // SecurityRecord::hash of the user or account; 0: none was named
    WallTime issued_at{};       // of token_verified
    // Of token_refused and sign_in_failed only: what goes well pays nothing for it.
    std::unique_ptr<const FailedRequest> request{};
};

// Keeps security events. Called by workers; must not wait.
class SecurityRecord {
  public:
    virtual void keep(SecurityEvent event) = 0;
    virtual void note(AccessNote note) = 0;
    // The same for the same name as long as the process lives; strangers cannot tell it.
    [[nodiscard]] virtual std::uint64_t hash(std::string_view name) const = 0;

  protected:
    ~SecurityRecord() = default;
};

// One "security violation" line, one count, one record. what: a literal. status: of the answer; 0:
// there is none yet, and nothing is said of it.
void report_violation(Exchange& x, observe::Violation violation, std::string_view what,
                      std::string_view decision, int status);

// Was the client's body no body of HTTP, as far as somebody has read it?
[[nodiscard]] bool has_malformed_body(const Exchange& x);
// Tells of that; once, at the request's end. status: of its answer.
void report_malformed_body(Exchange& x, int status);

// The same for what a connection did outside of any request: it was ended for it.
void report_abuse(Shard& shard, const IpAddress& address, std::string_view what);

// One line with "auth" and "fail", one count. cause: a value of kTokenErrors. what: a literal.
// user: whose token it was, where its signature vouches for that, or "".
void report_failed_authentication(Exchange& x, std::size_t cause, std::string_view what,
                                  std::string_view user);

// A token was verified, for the first time by this worker.
void report_verified_token(Exchange& x);

// Somebody failed to sign in: a line, a count. ban: whoever does so again and again is banned.
void report_failed_sign_in(Exchange& x, bool ban);
void report_sign_in(Exchange& x);

// Whose a request's aim is: a tenant, or a venue of which it is not known whose it is.
struct Target {
    std::string_view tenant{};
    std::string_view venue{};
};

// A request for what belongs to another tenant: one line with "cross-tenant", one count, one
// record. where: in what part of the request it was named, or in its answer (a literal). Also
// counts a violation (tenant_bypass) unless `allowed`.
void report_cross_tenant(Exchange& x, const Target& target, std::string_view where, bool allowed,
                         int status);

// The same of what an administrator was let through for, once it has been answered with `status`;
// nothing where there is no such thing, or it has been told.
void report_visit(Exchange& x, int status);

}  // namespace gw::gateway
