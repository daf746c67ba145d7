// Why authentications fail: counts by cause over a quarter of an hour, who is behind them, and the
// distance to the issuer's clock, from which diagnose() says in one line what it looks like. One
// thread; memory is fixed (about 10 KiB).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace gw::security {

enum class AuthFailure : std::uint8_t {
    expired,
    not_yet_valid,
    signature,
    unknown_key,
    issuer,
    audience,
    revoked,
    missing,
    malformed,
    other,
};
inline constexpr std::size_t kAuthFailures = 10;
std::string_view failure_name(AuthFailure failure);

// Few that are many: counts the most frequent keys within fixed memory (Space-Saving; a count is
// too high by at most the total divided by kPlaces), and estimates how many different there are
// (linear counting, to within some percent up to about 3,000).
class FrequentKeys {
  public:
    static constexpr std::size_t kPlaces = 64;
    void add(std::uint64_t hash);
    void merge(const FrequentKeys& other);
    void clear() { *this = {}; }
    // What the `places` most frequent count together, at least.
    [[nodiscard]] std::uint64_t top(std::size_t places) const;
    [[nodiscard]] std::uint64_t total() const { return total_; }
    [[nodiscard]] std::uint64_t different() const;

  private:
    struct Place {
        std::uint64_t hash = 0;
        std::uint64_t count = 0;
        std::uint64_t error = 0;  // how much of count may be others'
    };
    void raise(std::uint64_t hash, std::uint64_t count, std::uint64_t error);
    std::array<Place, kPlaces> places_{};
    std::array<std::uint64_t, 16> seen_{};  // one bit a hash
    std::uint64_t total_ = 0;
};

class AuthTally {
  public:
    // address and account: hashes, spread evenly; account 0 if none was named.
    void failed(AuthFailure failure, std::uint64_t address, std::uint64_t account, Instant now);
    // requests: of callers whose tokens were good.
    void succeeded(std::uint64_t requests, Instant now);
    // A token was verified that says when it was issued.
    void token_seen(WallTime issued, WallTime wall, Instant now);
    // Keys, issuer or configuration changed.
    void configuration_changed(Instant now) { changed_ = now; }

    struct Counts {
        std::array<std::uint64_t, kAuthFailures> failures{};
        std::uint64_t successes = 0;
        [[nodiscard]] std::uint64_t failed() const;
    };
    static constexpr Millis kBucket{30'000};
    static constexpr std::size_t kBuckets = 30;  // a quarter of an hour

    // Of the last `span` (at most a quarter of an hour), to the bucket.
    [[nodiscard]] Counts counts(Millis span, Instant now) const;
    // Of the buckets that begin at or after `from`.
    [[nodiscard]] Counts counts_since(Instant from, Instant now) const;
    [[nodiscard]] FrequentKeys addresses(Instant now) const;
    [[nodiscard]] FrequentKeys accounts(Instant now) const;
    // Smallest now - iat of the last quarter of an hour, the two smallest left out because one
    // strange token must not move it. Below zero: the issuer's clock is ahead of ours. Nothing
    // below 20 tokens. If tokens are rarely fresh it is only an upper bound.
    [[nodiscard]] std::optional<Millis> clock_offset(Instant now) const;
    [[nodiscard]] std::optional<Instant> changed() const { return changed_; }

  private:
    struct Bucket {
        std::int64_t number = -1;  // since the clock's beginning
        Counts counts;
        std::array<Millis, 3> youngest{Millis::max(), Millis::max(), Millis::max()};
        std::uint64_t tokens = 0;
    };
    // Failures by source, of this and of the last half of the window.
    struct Half {
        std::int64_t number = -1;
        FrequentKeys addresses;
        FrequentKeys accounts;
    };
    Bucket& bucket(Instant now);
    Half& half(Instant now);
    std::array<Bucket, kBuckets> buckets_;
    std::array<Half, 2> halves_;
    std::optional<Instant> changed_;
};

struct AuthDiagnosis {
    enum class Cause : std::uint8_t {
        quiet,        // few failures, or a small part of all
        brute_force,  // few addresses or accounts make most of them
        clock,        // the issuer's clock and ours disagree
        deployment,   // they began with a change of keys or configuration
        system,       // tokens of many users do not verify
        expiry,       // tokens are not renewed
        mixed,
    };
    Cause cause = Cause::quiet;
    std::string line;  // for operators; no name, address or token in it
};

AuthDiagnosis diagnose(const AuthTally& tally, Instant now);

}  // namespace gw::security
