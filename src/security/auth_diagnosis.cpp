#include "security/auth_diagnosis.hpp"

#include <algorithm>
#include <numeric>

namespace gw::security {
namespace {

using Cause = AuthDiagnosis::Cause;

constexpr Millis kWindow = AuthTally::kBucket * AuthTally::kBuckets;

std::int64_t bucket_number(Instant at) {
    return at.time_since_epoch() / AuthTally::kBucket;
}
std::int64_t half_number(Instant at) {
    return at.time_since_epoch() / (kWindow / 2);
}

std::uint64_t of(const AuthTally::Counts& counts, std::initializer_list<AuthFailure> which) {
    std::uint64_t sum = 0;
    for (const AuthFailure failure : which) {
        sum += counts.failures[static_cast<std::size_t>(failure)];
    }
    return sum;
}

std::uint64_t percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : part * 100 / whole;
}

AuthFailure most_frequent(const AuthTally::Counts& counts) {
    const auto most = std::ranges::max_element(counts.failures);
    return static_cast<AuthFailure>(most - counts.failures.begin());
}

std::string text_of(Millis time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

// Did most failures begin with a change of configuration?
bool began_with_change(const AuthTally& tally, const AuthTally::Counts& all, Instant now) {
    const auto changed = tally.changed();
    if (!changed || now - *changed > kWindow) {
        return false;
    }
    const AuthTally::Counts after = tally.counts_since(*changed, now);
    const std::uint64_t before = all.failed() - after.failed();
    const std::uint64_t before_all = before + all.successes - after.successes;
    // Before it there was traffic, and it failed much less.
    return before_all >= 20 && percent(after.failed(), all.failed()) >= 80 &&
           percent(before, before_all) * 4 <=
               percent(after.failed(), after.failed() + after.successes);
}

}  // namespace

std::string_view failure_name(AuthFailure failure) {
    constexpr std::array<std::string_view, kAuthFailures> kNames = {
        "expired",  "not_yet_valid", "signature", "unknown_key", "issuer",
        "audience", "revoked",       "missing",   "malformed",   "other"};
    return kNames[static_cast<std::size_t>(failure)];
}

std::uint64_t AuthTally::Counts::failed() const {
    return std::accumulate(failures.begin(), failures.end(), std::uint64_t{0});
}

AuthTally::Bucket& AuthTally::bucket(Instant now) {
    const std::int64_t number = bucket_number(now);
    Bucket& found = buckets_[static_cast<std::size_t>(number) % kBuckets];
    if (found.number != number) {
        found = {};
        found.number = number;
    }
    return found;
}

AuthTally::Half& AuthTally::half(Instant now) {
    const std::int64_t number = half_number(now);
    Half& found = halves_[static_cast<std::size_t>(number) % 2];
    if (found.number != number) {
        found = {};
        found.number = number;
    }
    return found;
}

void AuthTally::failed(AuthFailure failure, std::uint64_t address, std::uint64_t account,
                       Instant now) {
    ++bucket(now).counts.failures[static_cast<std::size_t>(failure)];
    Half& sources = half(now);
    sources.addresses.add(address);
    if (account != 0) {
        sources.accounts.add(account);
    }
}

void AuthTally::succeeded(std::uint64_t requests, Instant now) {
    bucket(now).counts.successes += requests;
}

void AuthTally::token_seen(WallTime issued, WallTime wall, Instant now) {
    Bucket& found = bucket(now);
    ++found.tokens;
    const Millis age = std::chrono::duration_cast<Millis>(wall - issued);
    if (age < found.youngest.back()) {
        found.youngest.back() = age;
        std::ranges::sort(found.youngest);
    }
}

AuthTally::Counts AuthTally::counts(Millis span, Instant now) const {
    return counts_since(now - std::min(span, kWindow - kBucket), now);
}

AuthTally::Counts AuthTally::counts_since(Instant from, Instant now) const {
    const std::int64_t last = bucket_number(now);
    const std::int64_t first =
        std::max(bucket_number(from), last - static_cast<std::int64_t>(kBuckets) + 1);
    Counts sum;
    for (const Bucket& one : buckets_) {
        if (one.number >= first && one.number <= last) {
            for (std::size_t cause = 0; cause < kAuthFailures; ++cause) {
                sum.failures[cause] += one.counts.failures[cause];
            }
            sum.successes += one.counts.successes;
        }
    }
    return sum;
}

FrequentKeys AuthTally::addresses(Instant now) const {
    FrequentKeys sum;
    for (const Half& one : halves_) {
        if (one.number >= half_number(now) - 1) {
            sum.merge(one.addresses);
        }
    }
    return sum;
}

FrequentKeys AuthTally::accounts(Instant now) const {
    FrequentKeys sum;
    for (const Half& one : halves_) {
        if (one.number >= half_number(now) - 1) {
            sum.merge(one.accounts);
        }
    }
    return sum;
}

std::optional<Millis> AuthTally::clock_offset(Instant now) const {
    std::array<Millis, 3> youngest{Millis::max(), Millis::max(), Millis::max()};
    std::uint64_t tokens = 0;
    for (const Bucket& one : buckets_) {
        if (one.number > bucket_number(now) - static_cast<std::int64_t>(kBuckets) &&
            one.number >= 0) {
            tokens += one.tokens;
            std::array<Millis, 6> both{};
            std::ranges::merge(youngest, one.youngest, both.begin());
            std::copy_n(both.begin(), youngest.size(), youngest.begin());
        }
    }
    constexpr std::uint64_t kTokensMin = 20;
    return tokens < kTokensMin ? std::nullopt : std::optional(youngest.back());
}

AuthDiagnosis diagnose(const AuthTally& tally, Instant now) {
    using enum AuthFailure;
    constexpr std::uint64_t kFailuresMin = 20;  // fewer say nothing about a cause
    const AuthTally::Counts all = tally.counts(kWindow, now);
    const std::uint64_t failed = all.failed();
    if (failed < kFailuresMin || percent(failed, failed + all.successes) < 10) {
        return {Cause::quiet, "authentication: nothing unusual"};
    }
    const std::string begin = "authentication: " + std::to_string(failed) + " of " +
                              std::to_string(failed + all.successes) + " refused in 15 min, most " +
                              std::string(failure_name(most_frequent(all))) + "; ";
    const auto says = [&](Cause cause, std::string rest) {
        return AuthDiagnosis{cause, begin + std::move(rest)};
    };
    const std::uint64_t unverified = of(all, {signature, unknown_key, issuer, audience});
    const std::uint64_t timed = of(all, {expired, not_yet_valid});
    const auto offset = tally.clock_offset(now);
    // Ahead is seen at once; behind only as far as tokens are fresh when they are first used.
    const bool ahead = offset && *offset < Millis{-2'000};
    const bool behind = offset && *offset > Millis{120'000};
    if (percent(of(all, {not_yet_valid}), failed) >= 50 ||
        ((ahead || behind) && percent(timed, failed) >= 50)) {
        return says(Cause::clock, "the clocks of the issuer and of this gateway seem to disagree" +
                                      (offset ? " (by " + text_of(*offset) + ")" : std::string{}));
    }
    const FrequentKeys addresses = tally.addresses(now);
    const FrequentKeys accounts = tally.accounts(now);
    const std::uint64_t by_address = percent(addresses.top(5), addresses.total());
    const std::uint64_t by_account =
        accounts.total() >= kFailuresMin ? percent(accounts.top(5), accounts.total()) : 0;
    if (percent(timed, failed) < 50 && std::max(by_address, by_account) >= 50) {
        return says(Cause::brute_force,
                    "looks like brute force: five " +
                        std::string(by_address >= by_account ? "addresses" : "accounts") +
                        " make at least " + std::to_string(std::max(by_address, by_account)) +
                        " % of the failures");
    }
    if (began_with_change(tally, all, now)) {
        return says(Cause::deployment,
                    "they began with the change of keys or configuration " +
                        text_of(std::chrono::duration_cast<Millis>(now - *tally.changed())) +
                        " ago");
    }
    if (percent(unverified, failed) >= 60 && addresses.different() >= 10) {
        return says(Cause::system,
                    "looks like a fault of the issuer or of its keys: tokens from about " +
                        std::to_string(addresses.different()) + " addresses do not verify");
    }
    if (percent(of(all, {expired}), failed) >= 60) {
        return says(Cause::expiry,
                    "tokens expire before clients renew them: compare JWT_ACCESS_TOKEN_EXPIRY "
                    "with what the issuer gives");
    }
    return says(Cause::mixed, "no single cause");
}

}  // namespace gw::security
