#include "gateway/security_event.hpp"

#include "gateway/shard.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

std::string_view user_of(const Exchange& x) {
    return x.identity ? std::string_view{x.identity->subject} : std::string_view{};
}
std::string_view tenant_of(const Exchange& x) {
    return x.identity ? std::string_view{x.identity->tenant} : std::string_view{};
}
std::string_view route_of(const Exchange& x) {
    return x.route != nullptr ? std::string_view{x.route->path} : "none";
}
std::string_view trace_of(const Exchange& x) {
    return {x.trace.trace_id.data(), x.trace.trace_id.size()};
}

void keep(Exchange& x, std::string_view kind, std::string_view decision, int status,
          std::string detail) {
    SecurityRecord* const record = x.shard.security_record();
    if (record == nullptr) {
        return;
    }
    record->keep({.time = x.shard.loop().clock().wall,
                  .kind = kind,
                  .user = std::string(user_of(x)),
                  .tenant = std::string(tenant_of(x)),
                  .address = std::string(x.client_text),
                  .resource = std::string(x.head().method_text) + " " + std::string(x.head().path),
                  .decision = decision,
                  .status = status,
                  .detail = std::move(detail),
                  .request_id = std::string(x.request_id)});
}

void note(Exchange& x, AccessNote note) {
    SecurityRecord* const record = x.shard.security_record();
    if (record != nullptr) {
        note.address = x.client;
        record->note(note);
    }
}

}  // namespace

void report_violation(Exchange& x, observe::Violation violation, std::string_view what,
                      std::string_view decision, int status) {
    const std::string_view kind = observe::kViolations[static_cast<std::size_t>(violation)];
    x.shard.metrics().violation(violation).add();
    x.shard.log_warn("security violation", {{"requestId", x.request_id},
                                            {"traceId", trace_of(x)},
                                            {"violationType", kind},
                                            {"detail", what},
                                            {"decision", decision},
                                            {"status", std::int64_t{status}},
                                            {"ip", x.client_text},
                                            {"userId", user_of(x)},
                                            {"tenantId", tenant_of(x)},
                                            {"method", x.head().method_text},
                                            {"route", route_of(x)}});
    keep(x, kind, decision, status, std::string(what));
}

void report_abuse(Shard& shard, const IpAddress& address, std::string_view what) {
    constexpr auto kAbuse = observe::Violation::protocol_abuse;
    const std::string_view kind = observe::kViolations[static_cast<std::size_t>(kAbuse)];
    char text[IpAddress::kTextMax];
    const std::string_view ip{text, address.write(text)};
    shard.metrics().violation(kAbuse).add();
    shard.log_warn(
        "security violation",
        {{"violationType", kind}, {"detail", what}, {"decision", "disconnected"}, {"ip", ip}});
    if (SecurityRecord* const record = shard.security_record(); record != nullptr) {
        record->keep({.time = shard.loop().clock().wall,
                      .kind = kind,
                      .user = {},
                      .tenant = {},
                      .address = std::string(ip),
                      .resource = "connection",
                      .decision = "disconnected",
                      .status = 0,
                      .detail = std::string(what),
                      .request_id = {}});
    }
}

void report_failed_authentication(Exchange& x, std::size_t cause, std::string_view what,
                                  std::string_view user) {
    observe::MetricBlock& metrics = x.shard.metrics();
    const std::string_view name = observe::kTokenErrors[cause];
    metrics.token_errors[cause].add();
    metrics
        .auth_attempt(name == "expired" ? observe::AuthAttempt::expired
                                        : observe::AuthAttempt::failure)
        .add();
    x.shard.log_warn("authentication failed", {{"requestId", x.request_id},
                                               {"traceId", trace_of(x)},
                                               {"cause", name},
                                               {"detail", what},
                                               {"ip", x.client_text},
                                               {"userId", user},
                                               {"method", x.head().method_text},
                                               {"route", route_of(x)}});
    note(x, {.kind = AccessNote::Kind::token_refused, .cause = cause});
}

void report_verified_token(Exchange& x) {
    const SecurityRecord* const record = x.shard.security_record();
    if (record != nullptr) {
        note(x, {.kind = AccessNote::Kind::token_verified,
                 .account = record->hash(x.identity->subject),
                 .issued_at = x.identity->issued_at});
    }
}

void report_sign_in(Exchange& x) {
    note(x, {.kind = AccessNote::Kind::sign_in_succeeded, .account = x.account});
}

void report_failed_sign_in(Exchange& x, bool ban) {
    x.shard.metrics().auth_attempt(observe::AuthAttempt::failure).add();
    x.shard.log_warn("authentication failed", {{"requestId", x.request_id},
                                               {"traceId", trace_of(x)},
                                               {"cause", "login"},
                                               {"ip", x.client_text},
                                               {"method", x.head().method_text},
                                               {"route", route_of(x)}});
    note(x, {.kind = AccessNote::Kind::sign_in_failed, .ban = ban, .account = x.account});
}

void report_cross_tenant(Exchange& x, std::string_view target, std::string_view where, bool allowed,
                         int status) {
    observe::MetricBlock& metrics = x.shard.metrics();
    metrics
        .cross_tenant_attempt(allowed ? observe::CrossTenant::allowed
                                      : observe::CrossTenant::blocked)
        .add();
    if (!allowed) {
        metrics.violation(observe::Violation::tenant_bypass).add();
    }
    const std::string_view outcome = allowed ? "allowed" : "blocked";
    x.shard.log_warn(allowed ? "cross-tenant access by an administrator"
                             : "security violation: cross-tenant access attempt",
                     {{"requestId", x.request_id},
                      {"traceId", trace_of(x)},
                      {"violationType", "tenant_bypass"},
                      {"sourceTenant", tenant_of(x)},
                      {"targetTenant", target},
                      {"userId", user_of(x)},
                      {"resource", x.head().path},
                      {"namedIn", where},
                      {"outcome", outcome},
                      {"status", std::int64_t{status}},
                      {"ip", x.client_text},
                      {"method", x.head().method_text},
                      {"route", route_of(x)}});
    keep(x, "tenant_bypass", outcome, status,
         "target " + std::string(target) + " by " + std::string(where));
}

}  // namespace gw::gateway
