#include "upstream/breaker.hpp"

#include <algorithm>

namespace gw::upstream {
namespace {

constexpr std::int32_t kHeldUpMost = 100;  // buckets: ten windows
constexpr const char* kForcedNoLonger = "the time for which it was forced is over";
constexpr const char* kMayTry = "requests may try; before, ";

}  // namespace

std::string_view name_of(BreakerState state) {
    switch (state) {
        case BreakerState::closed:
            return "CLOSED";
        case BreakerState::open:
            return "OPEN";
        case BreakerState::half_open:
            break;
    }
    return "HALF_OPEN";
}

Breaker::Breaker(std::string name, const BreakerOptions& options, std::uint64_t seed,
                 std::function<void(const std::string& name)> changed)
    : name_(std::move(name)), changed_(std::move(changed)), random_(seed) {
    configure(options);
}

void Breaker::configure(const BreakerOptions& options) {
    bool was_closed = true;
    {
        const std::scoped_lock lock(mutex_);
        if (options == options_ && bucket_ns_.load(std::memory_order_relaxed) != 0) {
            return;
        }
        const bool other_wait = options.reset_timeout != options_.reset_timeout ||
                                options.reset_timeout_max != options_.reset_timeout_max;
        options_ = options;
        open_for_ = options.reset_timeout;
        if (other_wait && !forced_ && state() == BreakerState::open) {
            next_try_ = std::min(next_try_, since_ + spread_wait());
        }
        bucket_ns_.store(
            std::chrono::duration_cast<std::chrono::nanoseconds>(options.window).count() /
                static_cast<std::int64_t>(kBuckets),
            std::memory_order_relaxed);
        slow_ns_.store(std::chrono::duration_cast<std::chrono::nanoseconds>(options.slow).count(),
                       std::memory_order_relaxed);
        forget_counts();
        // Else those that succeeded could be as many as may try now, and nobody would any more.
        probed_ = 0;
        if (!options.enabled && !forced_ && state() != BreakerState::closed) {
            was_closed = false;
            go_to(BreakerState::closed, since_, "it was turned off");
        }
    }
    if (!was_closed) {
        changed_(name_);
    }
}

void Breaker::Tally::add(std::uint32_t number) {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    for (;;) {
        const auto tag = static_cast<std::uint32_t>(seen >> 32);
        if (tag == number) {
            word_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        // A thread that was held up must not wipe out what others have counted since. What is
        // further ahead than any thread was ever held up is left of numbers that were counted by
        // another window: it would stand for hours.
        const auto ahead = static_cast<std::int32_t>(tag - number);
        if (seen != 0 && ahead > 0 && ahead <= kHeldUpMost) {
            return;
        }
        if (word_.compare_exchange_weak(seen, (std::uint64_t{number} << 32) | 1,
                                        std::memory_order_relaxed)) {
            return;
        }
    }
}

std::uint32_t Breaker::Tally::in(std::uint32_t number) const {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return static_cast<std::uint32_t>(word >> 32) == number ? static_cast<std::uint32_t>(word) : 0;
}

std::uint32_t Breaker::bucket_number(Instant now) const {
    return static_cast<std::uint32_t>(now.time_since_epoch().count() /
                                      bucket_ns_.load(std::memory_order_relaxed));
}

void Breaker::count(Result result, bool slow, Instant now) {
    const std::uint32_t number = bucket_number(now);
    Bucket& bucket = buckets_[number % kBuckets];
    bucket.all.add(number);
    if (result == Result::failure) {
        bucket.failed.add(number);
    }
    if (slow) {
        bucket.slow.add(number);
    }
}

Breaker::Sums Breaker::sums(Instant now) const {
    const std::uint32_t last = bucket_number(now);
    Sums sums;
    for (std::uint32_t back = 0; back < kBuckets; ++back) {
        const std::uint32_t number = last - back;
        const Bucket& bucket = buckets_[number % kBuckets];
        sums.all += bucket.all.in(number);
        sums.failed += bucket.failed.in(number);
        sums.slow += bucket.slow.in(number);
    }
    return sums;
}

void Breaker::forget_counts() {
    for (Bucket& bucket : buckets_) {
        bucket.all.clear();
        bucket.failed.clear();
        bucket.slow.clear();
    }
}

void Breaker::go_to(BreakerState state, Instant now, std::string why) {
    // What was forced or let go may be in that state already.
    transitions_[static_cast<std::size_t>(state)] += state == this->state() ? 0 : 1;
    word_.store(((era() + 1) << 2) | static_cast<std::uint32_t>(state), std::memory_order_relaxed);
    since_ = now;
    probing_ = 0;
    probed_ = 0;
    why_ = std::move(why);
}

bool Breaker::let_go_if_due(Instant now) {
    if (!forced_ || now < forced_until_) {
        return false;
    }
    forced_.reset();
    open_for_ = options_.reset_timeout;
    forget_counts();
    go_to(BreakerState::closed, now, kForcedNoLonger);
    return true;
}

void Breaker::open(Instant now, std::string why) {
    go_to(BreakerState::open, now, std::move(why));
    next_try_ = now + spread_wait();
    open_for_ = std::min<Instant::duration>(open_for_ * 2, options_.reset_timeout_max);
}

Instant::duration Breaker::spread_wait() {
    const auto tenth = static_cast<std::uint64_t>(open_for_.count() / 10);
    const auto jitter =
        static_cast<std::int64_t>(random_.below(2 * tenth + 1)) - static_cast<std::int64_t>(tenth);
    return open_for_ + Instant::duration(jitter);
}

// Why the counts are a reason to open; "": they are none.
std::string Breaker::reason(Instant now) const {
    const Sums found = sums(now);
    // More than all there is not: there, all of them.
    const auto passes = [&](std::uint64_t part, std::uint32_t percent) {
        return percent < 100 ? part * 100 > found.all * percent : part > 0 && part == found.all;
    };
    const bool failing = passes(found.failed, options_.error_threshold);
    const bool slow = passes(found.slow, options_.slow_threshold);
    if (found.all < options_.volume_threshold || (!failing && !slow)) {
        return "";
    }
    const std::string of = " of " + std::to_string(found.all) + " requests in " +
                           std::to_string(options_.window.count() / 1000) + " s ";
    return failing ? std::to_string(found.failed) + of + "failed"
                   : std::to_string(found.slow) + of + "took longer than " +
                         std::to_string(options_.slow.count()) + " ms";
}

void Breaker::judge(Instant now) {
    {
        const std::scoped_lock lock(mutex_);
        // One that is held closed is asked for nothing else, so here it is let go.
        if (!let_go_if_due(now)) {
            if (!options_.enabled || forced_ || state() != BreakerState::closed) {
                return;
            }
            std::string why = reason(now);
            if (why.empty()) {
                return;
            }
            open(now, std::move(why));
        }
    }
    changed_(name_);
}

Breaker::Admission Breaker::admit_carefully(Instant now) {
    bool changed = false;
    Admission admission{.admitted = false};
    {
        const std::scoped_lock lock(mutex_);
        changed = let_go_if_due(now);
        const BreakerState found = state();
        if (found == BreakerState::closed) {
            admission = {.era = era()};
        } else if (forced_) {
            admission.retry_after = forced_until_ - now;
        } else {
            if (found == BreakerState::open && now >= next_try_) {
                go_to(BreakerState::half_open, now, kMayTry + why_);
                changed = true;
            }
            if (state() == BreakerState::half_open) {
                if (has_probe(now)) {
                    if (probing_ + probed_ >= options_.probes) {
                        // What becomes of them is of another era.
                        word_.store(((era() + 1) << 2) |
                                        static_cast<std::uint32_t>(BreakerState::half_open),
                                    std::memory_order_relaxed);
                        probing_ = 0;
                    }
                    ++probing_;
                    probed_at_ = now;
                    admission = {.admitted = true, .probe = true, .era = era()};
                } else {
                    admission.retry_after = Millis(1'000);
                }
            } else {
                admission.retry_after = next_try_ - now;
            }
        }
    }
    if (!admission.admitted) {
        rejects_.fetch_add(1, std::memory_order_relaxed);
    }
    if (changed) {
        changed_(name_);
    }
    return admission;
}

bool Breaker::has_probe(Instant now) const {
    return probing_ + probed_ < options_.probes || now >= probed_at_ + kProbePatience;
}

bool Breaker::would_try(Instant now) const {
    const std::scoped_lock lock(mutex_);
    if (forced_) {
        return now >= forced_until_ || *forced_ == BreakerState::closed;
    }
    switch (state()) {
        case BreakerState::closed:
            return true;
        case BreakerState::half_open:
            return has_probe(now);
        case BreakerState::open:
            return now >= next_try_;
    }
    return true;
}

void Breaker::report(const Admission& admission, Result result, Instant::duration took,
                     Instant now) {
    const std::int64_t slow_ns = slow_ns_.load(std::memory_order_relaxed);
    const bool slow = result != Result::ignored && slow_ns != 0 && took.count() > slow_ns;
    if (admission.probe) {
        report_probe(admission, slow ? Result::failure : result, now);
    } else if (result != Result::ignored && admission.era == era()) {
        count(result, slow, now);
        if (result == Result::failure || slow) {
            judge(now);
        }
    }
}

void Breaker::report_probe(const Admission& admission, Result result, Instant now) {
    {
        const std::scoped_lock lock(mutex_);
        if (admission.era != era()) {
            return;
        }
        --probing_;
        if (result == Result::ignored) {
            return;
        }
        if (result == Result::failure) {
            open(now, "a request that tried has failed");
        } else if (++probed_ < options_.probes) {
            return;
        } else {
            open_for_ = options_.reset_timeout;
            forget_counts();
            go_to(BreakerState::closed, now,
                  std::to_string(options_.probes) + " requests that tried have succeeded");
        }
    }
    changed_(name_);
}

void Breaker::force(std::optional<BreakerState> state, Instant until, Instant now) {
    {
        const std::scoped_lock lock(mutex_);
        forced_ = state;
        forced_until_ = until;
        open_for_ = options_.reset_timeout;
        forget_counts();
        next_try_ = until;
        go_to(state.value_or(BreakerState::closed), now,
              state ? "an operator has forced it" : "an operator has let it go");
    }
    changed_(name_);
}

BreakerSnapshot Breaker::snapshot(Instant now) const {
    const std::scoped_lock lock(mutex_);
    BreakerSnapshot found{.state = state(),
                          .forced = forced_.has_value(),
                          .since = since_,
                          .next_try = next_try_,
                          .why = why_,
                          .transitions = transitions_,
                          .rejects = rejects_.load(std::memory_order_relaxed)};
    if (found.forced && now >= forced_until_) {
        found.state = BreakerState::closed;
        found.forced = false;
        found.since = forced_until_;
        found.why = kForcedNoLonger;
    } else if (!found.forced && found.state == BreakerState::open && now >= next_try_) {
        found.state = BreakerState::half_open;
        found.since = next_try_;
        found.why = kMayTry + why_;
    }
    return found;
}

}  // namespace gw::upstream
