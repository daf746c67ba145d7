#include "control/access_watch.hpp"

#include "identity/token_fault.hpp"
#include "state/banned_value.hpp"

namespace gw::control {
namespace {

using gateway::AccessNote;
using identity::TokenFault;
using security::AuthDiagnosis;
using security::AuthFailure;

constexpr Millis kTellAgain{300'000};  // the same cause

AuthFailure failure_of(TokenFault fault) {
    switch (fault) {
        case TokenFault::expired:
            return AuthFailure::expired;
        case TokenFault::not_yet_valid:
            return AuthFailure::not_yet_valid;
        case TokenFault::signature:
            return AuthFailure::signature;
        case TokenFault::unknown_key:
            return AuthFailure::unknown_key;
        case TokenFault::issuer:
            return AuthFailure::issuer;
        case TokenFault::audience:
            return AuthFailure::audience;
        case TokenFault::revoked:
            return AuthFailure::revoked;
        case TokenFault::missing:
            return AuthFailure::missing;
        case TokenFault::malformed:
            return AuthFailure::malformed;
        default:
            return AuthFailure::other;
    }
}

// What somebody who guesses meets, and hardly anybody else. A key that is not known is met by all
// whose issuer is away or has just changed its keys.
bool is_a_guess(TokenFault fault) {
    switch (fault) {
        case TokenFault::malformed:
        case TokenFault::algorithm:
        case TokenFault::signature:
        case TokenFault::api_key:
            return true;
        default:
            return false;
    }
}

security::FailedLoginsOptions limits_of(const security::WatchOptions& options) {
    const std::chrono::seconds first = options.ban_first.value;
    return {.address_failures = options.address_failures,
            .address_window = options.address_window,
            .account_failures = options.account_failures,
            .account_window = options.account_window,
            .ban_lengths = {first, first * 3, first * 12, first * 288}};
}

// As a log line and a ban name it.
std::string block_text(const IpAddress& address) {
    return address.is_v4() ? address.to_string() : address.to_string() + "/64";
}

}  // namespace

std::string_view cause_name(AuthDiagnosis::Cause cause) {
    switch (cause) {
        case AuthDiagnosis::Cause::quiet:
            return "quiet";
        case AuthDiagnosis::Cause::brute_force:
            return "brute_force";
        case AuthDiagnosis::Cause::clock:
            return "clock";
        case AuthDiagnosis::Cause::deployment:
            return "deployment";
        case AuthDiagnosis::Cause::system:
            return "system";
        case AuthDiagnosis::Cause::expiry:
            return "expiry";
        case AuthDiagnosis::Cause::mixed:
            break;
    }
    return "mixed";
}

AccessWatch::AccessWatch(net::Loop& loop, observe::Log& log, std::uint64_t seed,
                         AccessWatchPorts ports)
    : loop_(loop),
      log_(log),
      ports_(std::move(ports)),
      logins_(limits_of(options_)),
      users_(seed) {}

void AccessWatch::configure(const security::WatchOptions& options) {
    if (!(options == options_)) {
        options_ = options;
        logins_ = security::FailedLogins(limits_of(options));
    }
    loop_.timers().arm(timer_, loop_.now() + options_.diagnosis_interval);
}

void AccessWatch::take(const AccessNote& note) {
    const Instant now = loop_.now();
    const std::uint64_t address = users_.hash(note.address);
    switch (note.kind) {
        case AccessNote::Kind::token_verified:
            tally_.token_seen(note.issued_at, loop_.clock().wall, now);
            users_.seen(note.address, note.account, now);
            break;
        case AccessNote::Kind::token_refused: {
            const auto fault = static_cast<TokenFault>(note.cause);
            tally_.failed(failure_of(fault), address, note.account, now);
            if (is_a_guess(fault)) {
                count_failure(note, std::nullopt);
            }
            break;
        }
        case AccessNote::Kind::sign_in_failed:
            tally_.failed(AuthFailure::other, address, note.account, now);
            count_failure(note, note.account != 0 ? std::optional(note.account) : std::nullopt);
            break;
        case AccessNote::Kind::sign_in_succeeded:
            tally_.succeeded(1, now);
            if (note.account != 0) {
                logins_.succeeded(note.account);
            }
            break;
    }
}

void AccessWatch::count_failure(const AccessNote& note, std::optional<std::uint64_t> account) {
    // A shared address is not banned blindly.
    const bool bans =
        note.ban && store_ != nullptr && users_of(note.address) < options_.shared_users;
    const security::FailedLogins::Verdict verdict =
        logins_.failed(state::banned_form(note.address), account, bans, loop_.now());
    if (verdict.address) {
        found(*verdict.address, note);
    }
    if (verdict.account) {
        found(*verdict.account, note);
    }
}

void AccessWatch::found(const security::BruteForce& attack, const AccessNote& note) {
    const bool by_address = attack.kind == security::LoginKey::address;
    const std::string who = by_address ? block_text(attack.address) : note.address.to_string();
    const std::uint32_t users = users_of(note.address);
    const bool bans = attack.ban.count() > 0;
    const std::string_view decision = bans ? "banned" : "logged";
    const char* const what = by_address ? "sign-ins from an address fail again and again"
                                        : "sign-ins to an account fail again and again";
    const gateway::FailedRequest nobody;
    const gateway::FailedRequest& last = note.request != nullptr ? *note.request : nobody;
    ports_.count(observe::Violation::brute_force);
    log_.warn("security violation", {{"requestId", last.request_id},
                                     {"traceId", last.trace_id},
                                     {"violationType", "brute_force"},
                                     {"detail", what},
                                     {"decision", decision},
                                     {"ip", who},
                                     {"userId", last.user},
                                     {"tenantId", last.tenant},
                                     {"method", last.method},
                                     {"route", last.route},
                                     {"failures", std::int64_t{attack.failures}},
                                     {"usersLastHour", std::int64_t{users}},
                                     {"banSeconds", attack.ban.count()}});
    ports_.keep({.time = loop_.clock().wall,
                 .kind = "brute_force",
                 .user = last.user,
                 .tenant = last.tenant,
                 .address = who,
                 .resource = last.method + " " + last.path,
                 .decision = decision,
                 .status = 0,
                 .detail = std::string(what) + ", " + std::to_string(attack.failures) + " times",
                 .request_id = last.request_id});
    if (bans && !stopping_) {
        scope_.spawn(ban(attack.address, attack.ban, attack.failures));
    }
}

// A ban that is there stays: whoever wrote it may have meant it to last longer.
net::Task<void> AccessWatch::ban(IpAddress address, std::chrono::seconds length,
                                 std::uint32_t failures) {
    const WallTime now = loop_.clock().wall;
    std::string value = state::write_ban({.reason = std::to_string(failures) + " failed sign-ins",
                                          .by = "api-gateway",
                                          .since = now,
                                          .until = now + length});
    const Result<bool> done = co_await store_->set(
        "banned:ip:" + block_text(address), std::move(value),
        {.ttl = std::chrono::duration_cast<Millis>(length), .when = state::SetIf::absent});
    if (!done) {
        logins_.not_banned(address, loop_.now());
        log_.error("an address could not be banned",
                   {{"ip", block_text(address)}, {"reason", done.error().detail}});
    }
}

void AccessWatch::look() {
    const std::uint64_t successes = ports_.successes();
    tally_.succeeded(successes - std::exchange(successes_, successes), loop_.now());
    security::AuthDiagnosis next = security::diagnose(tally_, loop_.now());
    const bool changed = next.cause != diagnosis_.cause;
    const bool quiet = next.cause == AuthDiagnosis::Cause::quiet;
    if (changed || (!quiet && loop_.now() - told_ >= kTellAgain)) {
        told_ = loop_.now();
        log_.write(quiet ? observe::LogLevel::info : observe::LogLevel::warn, next.line,
                   {{"cause", cause_name(next.cause)}});
    }
    diagnosis_ = std::move(next);
    loop_.timers().arm(timer_, loop_.now() + options_.diagnosis_interval);
}

void AccessWatch::stop() {
    stopping_ = true;
    timer_.disarm();
}

}  // namespace gw::control
