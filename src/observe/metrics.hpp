// What is counted. Each worker has a block of cells that only it writes; the control thread reads
// them while it writes, and sums the blocks when it is scraped (exposition.hpp). Counting is a load
// and a store, nothing more.
//
// Series are made when they are first needed and never removed; names are copied. Each kind has a
// budget; what comes when it is spent is counted together, as `_other`. What the metrics are called
// stands in metrics.def.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "observe/cell.hpp"
#include "observe/exemplar.hpp"
#include "observe/growing_list.hpp"
#include "observe/handshake.hpp"

namespace gw::observe {

// Seconds .001 .0025 .005 .01 .025 .05 .1 .25 .5 1 2 5 10, in microseconds.
inline constexpr std::array<std::uint64_t, 13> kDurationBoundsUs{
    1'000,   2'500,   5'000,     10'000,    25'000,    50'000,    100'000,
    250'000, 500'000, 1'000'000, 2'000'000, 5'000'000, 10'000'000};
// Bytes of bodies: powers of four from 256 to 256 Mi.
inline constexpr std::array<std::uint64_t, 11> kSizeBounds{
    256,       1'024,     4'096,      16'384,     65'536,     262'144,
    1'048'576, 4'194'304, 16'777'216, 67'108'864, 268'435'456};

using DurationHistogram = Histogram<kDurationBoundsUs>;
using SizeHistogram = Histogram<kSizeBounds>;

// The value of a label that stands for all for which there was no room.
inline constexpr std::string_view kOther = "_other";

// What one worker may have. Routes, services and policies come from the configuration, yet one that
// is reloaded again and again may bring ever new names; statuses are the services' to choose.
struct Budgets {
    Budget routes{2'000, {}};
    Budget methods{4'000, {}};    // asked of routes
    Budget awaited{1'000, {}};    // methods of routes that nobody has asked for yet
    Budget statuses{16'000, {}};  // of methods of routes
    Budget upstreams{500, {}};
    Budget upstream_statuses{5'000, {}};
    Budget policies{500, {}};
    Budget headers{64, {}};
};

// Statuses that are there at 0 before the first answer: rate() and increase() do not see that with
// which a series begins. Success is one of them, or the first failure would be all that they see.
inline constexpr std::array<int, 5> kFromTheStart{200, 500, 502, 503, 504};

// The `route` of requests that no route takes.
inline constexpr std::string_view kNoRoute = "none";

struct StatusSeries {
    explicit StatusSeries(int status_) : status(status_) {}
    const int status;  // 0: all others
    Counter count;
};

// As the label says it.
inline std::string status_text(int status) {
    return status == 0 ? std::string(kOther) : std::to_string(status);
}

struct MethodSeries {
    explicit MethodSeries(std::string_view method_) : method(method_) {}
    const std::string_view method;  // a literal
    GrowingList<StatusSeries> statuses;
    DurationHistogram duration;
    // One, once a traced request was counted.
    struct Exemplars {
        std::array<Exemplar, DurationHistogram::kBuckets> of_bucket;
    };
    GrowingList<Exemplars> exemplars;
};

// The trace of a request, if it is kept somewhere.
struct Traced {
    std::string_view id;  // empty: it is not
    WallTime now{};
};

// One route on one worker.
class RouteSeries {
  public:
    RouteSeries(std::string_view route, Budgets& budgets) : name(route), budgets_(budgets) {}
    // method: a literal of a bounded set.
    void finished(std::string_view method, int status, Instant::duration took,
                  std::uint64_t bytes_in, std::uint64_t bytes_out, Traced trace = {});

    // Its answers to this method are there at 0 from now on, as long as there is room for such.
    void awaits(std::string_view method);

    const std::string name;
    GrowingList<MethodSeries> methods;
    SizeHistogram request_size;
    SizeHistogram response_size;
    Counter unguarded;  // went on although nobody could tell whether they came before
    // Its requests, or some of them, are served once.
    void guards() { guards_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_guarded() const { return guards_.load(std::memory_order_relaxed); }

  private:
    Budgets& budgets_;
    std::atomic<bool> guards_{false};
};

enum class UpstreamError : std::uint8_t {
    connect_refused,
    connect_timeout,
    timeout,
    reset,
    malformed,
    unreachable,
    exhausted,
    other
};
inline constexpr std::array<std::string_view, 8> kUpstreamErrors{
    "connect_refused", "connect_timeout", "timeout",   "reset",
    "malformed",       "unreachable",     "exhausted", "other"};

// What became of a request that might have been mirrored.
enum class Mirrored : std::uint8_t { answered, failed, skipped_body, skipped_busy, skipped_closed };
inline constexpr std::array<std::string_view, 5> kMirrored{"answered", "failed", "skipped_body",
                                                           "skipped_busy", "skipped_closed"};
// What became of a part of an answer: it is in it, is missing from it, or it failed for it.
enum class AnswerPart : std::uint8_t { given, missing, failed };
inline constexpr std::array<std::string_view, 3> kAnswerParts{"given", "missing", "failed"};

// One service on one worker.
class UpstreamSeries {
  public:
    UpstreamSeries(std::string_view service, Budgets& budgets) : name(service), budgets_(budgets) {}
    void answered(int status, Instant::duration took);
    void failed(UpstreamError error) { errors[static_cast<std::size_t>(error)].add(); }
    void retried() { retries.add(); }
    // Once more, because the service had closed the connection.
    void retried_stale() { stale_retries.add(); }

    // To a second endpoint, because the first was slow.
    void hedged() { hedges.add(); }

    const std::string name;
    GrowingList<StatusSeries> statuses;
    DurationHistogram duration;
    std::array<Counter, kUpstreamErrors.size()> errors;
    Counter retries;
    Counter stale_retries;
    Counter hedges;
    Counter shed;  // no turn at the service came
    // Of services that routes mirror to, take parts of answers from, or try as a canary.
    std::array<Counter, kMirrored.size()> mirrored;
    std::array<Counter, kAnswerParts.size()> parts;
    Counter canary_fallbacks;
    enum Role : std::uint8_t { kMirror = 1, kPart = 2, kCanary = 4 };
    void takes(Role role) { roles_.fetch_or(role, std::memory_order_relaxed); }
    [[nodiscard]] bool has(Role role) const {
        return (roles_.load(std::memory_order_relaxed) & role) != 0;
    }
    Gauge waiting;
    Gauge concurrency_limit;
    Gauge connections_idle;
    Gauge connections_active;
    void configured(bool is) { configured_.store(is, std::memory_order_relaxed); }
    // Is there anything that the gauges tell of? A service that is no longer configured may have
    // connections for a while.
    [[nodiscard]] bool has_state() const {
        return configured_.load(std::memory_order_relaxed) || waiting.value() != 0 ||
               connections_idle.value() != 0 || connections_active.value() != 0;
    }

  private:
    Budgets& budgets_;
    std::atomic<std::uint8_t> roles_{0};
    std::atomic<bool> configured_{true};
};

struct ProtocolGauges {
    explicit ProtocolGauges(std::string_view protocol) : name(protocol) {}
    const std::string name;
    Gauge in_progress;
    Gauge active_connections;
};

enum class Violation : std::uint8_t {
    brute_force,
    token_manipulation,
    injection,
    header_manipulation,
    tenant_bypass,
    banned_access,
    protocol_abuse,
    path_traversal
};
inline constexpr std::array<std::string_view, 8> kViolations{
    "brute_force",   "token_manipulation", "injection",      "header_manipulation",
    "tenant_bypass", "banned_access",      "protocol_abuse", "path_traversal"};

// Of the routes whose requests are refused for lack of memory, in the order of upstream::Priority.
inline constexpr std::array<std::string_view, 3> kPriorities{"high", "normal", "low"};

enum class AuthAttempt : std::uint8_t { success, failure, expired };
inline constexpr std::array<std::string_view, 3> kAuthAttempts{"success", "failure", "expired"};

// In the order of identity::TokenFault.
inline constexpr std::array<std::string_view, 14> kTokenErrors{
    "missing", "malformed",      "algorithm", "unknown_key", "signature",
    "expired", "not_yet_valid",  "issuer",    "audience",    "type",
    "claims",  "too_long_lived", "revoked",   "api_key"};

enum class CrossTenant : std::uint8_t { blocked, allowed };
inline constexpr std::array<std::string_view, 2> kCrossTenant{"blocked", "allowed"};

// Of answers that went out in a content coding.
inline constexpr std::array<std::string_view, 2> kCodings{"gzip", "br"};

// Of requests that did not fit the description of the API.
inline constexpr std::array<std::string_view, 2> kInvalid{"blocked", "logged"};

// What is looked up in this process. `token`: tokens that were verified before; `response`: answers
// that were kept.
enum class Cache : std::uint8_t { token, response, shared };
inline constexpr std::array<std::string_view, 3> kCaches{"token", "response", "shared"};

// Why a tunnel (a WebSocket) ended.
enum class TunnelEnd : std::uint8_t {
    client,   // it ended, or broke
    service,  // the same
    idle,
    lifetime,
    token_expired,
    token_revoked,
    banned,
    draining,
    reconfigured,  // its route is gone
    key_revoked,
    maintenance
};
inline constexpr std::array<std::string_view, 11> kTunnelEnds{
    "client", "service",  "idle",         "lifetime",    "token_expired", "token_revoked",
    "banned", "draining", "reconfigured", "key_revoked", "maintenance"};
constexpr std::string_view name_of(TunnelEnd end) {
    return kTunnelEnds[static_cast<std::size_t>(end)];
}
inline constexpr std::array<std::string_view, 2> kTunnelBytes{"in", "out"};  // from, to clients

struct NamedCounter {
    explicit NamedCounter(std::string_view name_) : name(name_) {}
    const std::string name;
    Counter count;
};

// Everything that one worker counts.
class MetricBlock {
  public:
    // Find or make, or `_other`: when configuration is adopted, and for what is rare.
    RouteSeries& route(std::string_view route_template);
    UpstreamSeries& upstream(std::string_view service);
    ProtocolGauges& protocol(std::string_view name);
    Counter& rate_limited(std::string_view policy, bool dry_run);
    Counter& dangerous_header(std::string_view name);  // of a bounded set of names
    Counter& auth_attempt(AuthAttempt attempt) {
        return auth_attempts[static_cast<std::size_t>(attempt)];
    }
    Counter& cross_tenant_attempt(CrossTenant outcome) {
        return cross_tenant[static_cast<std::size_t>(outcome)];
    }
    void looked_up(Cache cache, bool found) {
        (found ? cache_hits : cache_misses)[static_cast<std::size_t>(cache)].add();
    }
    Counter& cache_failed(Cache cache) { return cache_errors[static_cast<std::size_t>(cache)]; }
    Counter& handshake(Handshake outcome) { return handshakes[static_cast<std::size_t>(outcome)]; }
    Counter& violation(Violation violation) {
        return violations[static_cast<std::size_t>(violation)];
    }

    Budgets budgets;
    GrowingList<RouteSeries> routes;
    GrowingList<UpstreamSeries> upstreams;
    GrowingList<ProtocolGauges> protocols;
    GrowingList<NamedCounter> rate_limits;  // by policy
    GrowingList<NamedCounter> dangerous_headers;
    std::array<Counter, kViolations.size()> violations;
    std::array<Counter, kPriorities.size()> shed;
    std::array<Counter, kAuthAttempts.size()> auth_attempts;
    std::array<Counter, kTokenErrors.size()> token_errors;
    std::array<Counter, kCrossTenant.size()> cross_tenant;
    std::array<Counter, kCodings.size()> compressed;
    std::array<Counter, kInvalid.size()> invalid_requests;
    std::array<Counter, kCaches.size()> cache_hits;
    std::array<Counter, kCaches.size()> cache_misses;
    std::array<Counter, kHandshakes.size()> handshakes;
    Gauge tunnels;
    std::array<Counter, kTunnelEnds.size()> tunnel_ends;
    std::array<Counter, kTunnelBytes.size()> tunnel_bytes;
    std::array<Counter, kCaches.size()> cache_errors;
    DurationHistogram
        loop_lag;  // of each loop turn: how long what was ready had to wait for its end
};

}  // namespace gw::observe
