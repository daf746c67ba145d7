#include "gateway/security_event.hpp"

#include <optional>
#include <utility>

#include "gateway/shard.hpp"
#include "identity/identity.hpp"
#include "observe/masked_target.hpp"

namespace gw::gateway {
namespace {

std::string_view user_of(const Exchange& x) {
    return x.identity ? std::string_view{x.identity->subject} : std::string_view{};
}
std::string_view tenant_of(const Exchange& x) {
    return x.identity ? std::string_view{x.identity->tenant} : std::string_view{};
}
std::string_view route_of(const Exchange& x) {
    return x.route != nullptr ? std::string_view{x.route->path} : observe::kNoRoute;
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
    record->keep(
        {.time = x.shard.loop().clock().wall,
         .kind = kind,
         .user = std::string(user_of(x)),
         .tenant = std::string(tenant_of(x)),
         .address = std::string(x.client_text),
         .resource = std::string(x.head().method_text) + " " + observe::masked_path(x.head().path),
         .decision = decision,
         .status = status,
         .detail = std::move(detail),
         .request_id = std::string(x.request_id)});
}

void note(Exchange& x, AccessNote note) {
    SecurityRecord* const record = x.shard.security_record();
    if (record != nullptr) {
        note.address = x.client;
        record->note(std::move(note));
    }
}

std::unique_ptr<const FailedRequest> failed_request(const Exchange& x, std::string_view user) {
    if (x.shard.security_record() == nullptr) {
        return nullptr;
    }
    return std::make_unique<FailedRequest>(
        FailedRequest{.request_id = std::string(x.request_id),
                      .trace_id = std::string(trace_of(x)),
                      .method = std::string(x.head().method_text),
                      .path = observe::masked_path(x.head().path),
                      .route = std::string(route_of(x)),
                      .user = std::string(user),
                      .tenant = std::string(tenant_of(x))});
}

}  // namespace

void report_violation(Exchange& x, observe::Violation violation, std::string_view what,
                      std::string_view decision, int status) {
    const std::string_view kind = observe::kViolations[static_cast<std::size_t>(violation)];
    x.shard.metrics().violation(violation).add();
    const auto answered = status != 0 ? std::optional(std::int64_t{status}) : std::nullopt;
    x.shard.log_warn("security violation", {{"requestId", x.request_id},
                                            {"traceId", trace_of(x)},
                                            {"violationType", kind},
                                            {"detail", what},
                                            {"decision", decision},
                                            {"status", answered},
                                            {"ip", x.client_text},
                                            {"userId", user_of(x)},
                                            {"tenantId", tenant_of(x)},
                                            {"method", x.head().method_text},
                                            {"route", route_of(x)}});
    keep(x, kind, decision, status, std::string(what));
}

bool has_malformed_body(const Exchange& x) {
    return x.broken_body && x.broken_body->code == Errc::malformed;
}

void report_malformed_body(Exchange& x, int status) {
    // Behind any other status the answer had begun, and what was left of both was cut.
    report_violation(x, observe::Violation::protocol_abuse, x.broken_body->detail,
                     status == 400 ? "blocked" : "disconnected", status);
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
    note(x, {.kind = AccessNote::Kind::token_refused,
             .cause = cause,
             .request = failed_request(x, user)});
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
    note(x, {.kind = AccessNote::Kind::sign_in_failed,
             .ban = ban,
             .account = x.account,
             .request = failed_request(x, user_of(x))});
}

void report_cross_tenant(Exchange& x, const Target& target, std::string_view where, bool allowed,
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
                      {"targetTenant", target.tenant},
                      {"targetVenue", target.venue},
                      {"userId", user_of(x)},
                      {"resource", observe::masked_path(x.head().path)},
                      {"namedIn", where},
                      {"outcome", outcome},
                      {"status", std::int64_t{status}},
                      {"ip", x.client_text},
                      {"method", x.head().method_text},
                      {"route", route_of(x)}});
    keep(x, "tenant_bypass", outcome, status,
         "target " +
             (target.venue.empty() ? std::string(target.tenant)
                                   : "venue " + std::string(target.venue)) +
             " by " + std::string(where));
}

void report_visit(Exchange& x, int status) {
    if (!x.visit.venues.empty()) {
        const Visit visit = std::exchange(x.visit, {});
        report_cross_tenant(x, {.venue = visit.venues}, visit.named_in, true, status);
    }
}

}  // namespace gw::gateway
