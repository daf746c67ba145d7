// What is counted. Each worker has a block of cells that only it writes; the control thread reads
// them while it writes, and sums the blocks when it is scraped (exposition.hpp). Counting is a load
// and a store, nothing more.
//
// Series are made when they are first needed and never removed; names are copied. What the metrics
// are called stands in metrics.def.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace gw::observe {

// One writer; any thread reads.
class Counter {
  public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

class Gauge {
  public:
    void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::uint64_t n) { set(value() + n); }
    void sub(std::uint64_t n) { set(value() - n); }
    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// kBounds: upper bounds of the buckets, in the smallest unit that is counted; the last bucket is
// open.
template <const auto& kBounds>
class Histogram {
  public:
    static constexpr std::size_t kBuckets = kBounds.size() + 1;
    void observe(std::uint64_t value) {
        std::size_t bucket = 0;
        while (bucket < kBounds.size() && value > kBounds[bucket]) {
            ++bucket;
        }
        counts_[bucket].add();
        sum_.add(value);
    }
    [[nodiscard]] std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
    [[nodiscard]] std::uint64_t sum() const { return sum_.value(); }

  private:
    std::array<Counter, kBuckets> counts_;
    Counter sum_;
};

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

// A list that one thread grows and others read.
template <class Node>
class GrowingList {
  public:
    GrowingList() = default;
    GrowingList(const GrowingList&) = delete;
    GrowingList& operator=(const GrowingList&) = delete;
    ~GrowingList() {
        const Link* link = first_.load(std::memory_order_relaxed);
        while (link != nullptr) {
            const std::unique_ptr<const Link> gone{link};
            link = gone->next;
        }
    }
    // The node for which `is` holds, or a new one made of `arguments`.
    template <class Is, class... Arguments>
    Node& find_or_add(Is is, const Arguments&... arguments) {
        for (Link* link = first_.load(std::memory_order_relaxed); link != nullptr;
             link = link->next) {
            if (is(link->node)) {
                return link->node;
            }
        }
        auto link = std::make_unique<Link>(arguments...);
        link->next = first_.load(std::memory_order_relaxed);
        Node& node = link->node;
        first_.store(link.release(), std::memory_order_release);
        return node;
    }
    template <class Visit>
    void each(Visit visit) const {
        for (const Link* link = first_.load(std::memory_order_acquire); link != nullptr;
             link = link->next) {
            visit(link->node);
        }
    }

  private:
    // On cache lines of its own: the neighbours may be another worker's.
    struct alignas(64) Link {
        template <class... Arguments>
        explicit Link(const Arguments&... arguments) : node(arguments...) {}
        Node node;
        Link* next = nullptr;
    };
    std::atomic<Link*> first_{nullptr};
};

struct StatusSeries {
    explicit StatusSeries(int status_) : status(status_) {}
    const int status;
    Counter count;
};

struct MethodSeries {
    explicit MethodSeries(std::string_view method_) : method(method_) {}
    const std::string_view method;  // a literal
    GrowingList<StatusSeries> statuses;
    DurationHistogram duration;
};

// One route on one worker.
class RouteSeries {
  public:
    explicit RouteSeries(std::string_view route) : name(route) {}
    // method: a literal of a bounded set.
    void finished(std::string_view method, int status, Instant::duration took,
                  std::uint64_t bytes_in, std::uint64_t bytes_out);

    const std::string name;
    GrowingList<MethodSeries> methods;
    SizeHistogram request_size;
    SizeHistogram response_size;
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

// One service on one worker.
class UpstreamSeries {
  public:
    explicit UpstreamSeries(std::string_view service) : name(service) {}
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
    Gauge connections_idle;
    Gauge connections_active;
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

enum class AuthAttempt : std::uint8_t { success, failure, expired };
inline constexpr std::array<std::string_view, 3> kAuthAttempts{"success", "failure", "expired"};

// In the order of identity::TokenFault.
inline constexpr std::array<std::string_view, 14> kTokenErrors{
    "missing", "malformed",      "algorithm", "unknown_key", "signature",
    "expired", "not_yet_valid",  "issuer",    "audience",    "type",
    "claims",  "too_long_lived", "revoked",   "api_key"};

enum class CrossTenant : std::uint8_t { blocked, allowed };
inline constexpr std::array<std::string_view, 2> kCrossTenant{"blocked", "allowed"};

struct NamedCounter {
    explicit NamedCounter(std::string_view name_) : name(name_) {}
    const std::string name;
    Counter count;
};

// Everything that one worker counts.
class MetricBlock {
  public:
    // Find or make: when configuration is adopted, and for what is rare.
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
    Counter& violation(Violation violation) {
        return violations[static_cast<std::size_t>(violation)];
    }

    GrowingList<RouteSeries> routes;
    GrowingList<UpstreamSeries> upstreams;
    GrowingList<ProtocolGauges> protocols;
    GrowingList<NamedCounter> rate_limits;  // by policy
    GrowingList<NamedCounter> dangerous_headers;
    std::array<Counter, kViolations.size()> violations;
    std::array<Counter, kAuthAttempts.size()> auth_attempts;
    std::array<Counter, kTokenErrors.size()> token_errors;
    std::array<Counter, kCrossTenant.size()> cross_tenant;
    DurationHistogram
        loop_lag;  // of each loop turn: how long what was ready had to wait for its end
};

}  // namespace gw::observe
