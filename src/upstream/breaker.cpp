#include "upstream/breaker.hpp"

#include <algorithm>

namespace gw::upstream {

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
        options_ = options;
        open_for_ = options.reset_timeout;
        bucket_ns_.store(
            std::chrono::duration_cast<std::chrono::nanoseconds>(options.window).count() /
                static_cast<std::int64_t>(kBuckets),
            std::memory_order_relaxed);
        slow_ns_.store(std::chrono::duration_cast<std::chrono::nanoseconds>(options.slow).count(),
                       std::memory_order_relaxed);
        forget_counts();
        if (!options.enabled && !forced_ &&
            state_.load(std::memory_order_relaxed) != BreakerState::closed) {
            was_closed = false;
            go_to(BreakerState::closed, since_, "it was turned off");
        }
    }
    if (!was_closed) {
        changed_(name_);
    }
}

std::int64_t Breaker::bucket_number(Instant now) const {
    return now.time_since_epoch().count() / bucket_ns_.load(std::memory_order_relaxed);
}

// Two threads that turn to a new bucket together may lose a count; nothing depends on one.
void Breaker::count(Result result, bool slow, Instant now) {
    const std::int64_t number = bucket_number(now);
    Bucket& bucket = buckets_[static_cast<std::size_t>(number) % kBuckets];
    std::int64_t seen = bucket.number.load(std::memory_order_relaxed);
    if (seen != number && bucket.number.compare_exchange_strong(seen, number)) {
        bucket.all.store(0, std::memory_order_relaxed);
        bucket.failed.store(0, std::memory_order_relaxed);
        bucket.slow.store(0, std::memory_order_relaxed);
    }
    bucket.all.fetch_add(1, std::memory_order_relaxed);
    if (result == Result::failure) {
        bucket.failed.fetch_add(1, std::memory_order_relaxed);
    }
    if (slow) {
        bucket.slow.fetch_add(1, std::memory_order_relaxed);
    }
}

Breaker::Sums Breaker::sums(Instant now) const {
    const std::int64_t last = bucket_number(now);
    Sums sums;
    for (const Bucket& bucket : buckets_) {
        const std::int64_t number = bucket.number.load(std::memory_order_relaxed);
        if (number <= last && number > last - static_cast<std::int64_t>(kBuckets)) {
            sums.all += bucket.all.load(std::memory_order_relaxed);
            sums.failed += bucket.failed.load(std::memory_order_relaxed);
            sums.slow += bucket.slow.load(std::memory_order_relaxed);
        }
    }
    return sums;
}

void Breaker::forget_counts() {
    for (Bucket& bucket : buckets_) {
        bucket.number.store(-1, std::memory_order_relaxed);
    }
}

void Breaker::go_to(BreakerState state, Instant now, std::string why) {
    state_.store(state, std::memory_order_relaxed);
    since_ = now;
    probing_ = 0;
    probed_ = 0;
    why_ = std::move(why);
    ++transitions_[static_cast<std::size_t>(state)];
}

void Breaker::open(Instant now, std::string why) {
    go_to(BreakerState::open, now, std::move(why));
    // Many gateways must not all try at the same moment.
    const auto tenth = static_cast<std::uint64_t>(open_for_.count() / 10);
    const auto jitter =
        static_cast<std::int64_t>(random_.below(2 * tenth + 1)) - static_cast<std::int64_t>(tenth);
    next_try_ = now + open_for_ + Instant::duration(jitter);
    open_for_ = std::min<Instant::duration>(open_for_ * 2, options_.reset_timeout_max);
}

void Breaker::judge(Instant now) {
    {
        const std::scoped_lock lock(mutex_);
        if (!options_.enabled || forced_ ||
            state_.load(std::memory_order_relaxed) != BreakerState::closed) {
            return;
        }
        const Sums found = sums(now);
        const auto reaches = [&](std::uint64_t part, std::uint32_t percent) {
            return part > 0 && part * 100 >= found.all * percent;
        };
        const bool failing = reaches(found.failed, options_.error_threshold);
        const bool slow = reaches(found.slow, options_.slow_threshold);
        if (found.all < options_.volume_threshold || (!failing && !slow)) {
            return;
        }
        const std::string of = " of " + std::to_string(found.all) + " requests in " +
                               std::to_string(options_.window.count() / 1000) + " s ";
        open(now, failing ? std::to_string(found.failed) + of + "failed"
                          : std::to_string(found.slow) + of + "took longer than " +
                                std::to_string(options_.slow.count()) + " ms");
    }
    changed_(name_);
}

Breaker::Admission Breaker::admit_carefully(Instant now) {
    bool changed = false;
    Admission admission{.admitted = false};
    {
        const std::scoped_lock lock(mutex_);
        if (forced_ && now >= forced_until_) {
            forced_.reset();
            open_for_ = options_.reset_timeout;
            forget_counts();
            go_to(BreakerState::closed, now, "the time for which it was forced is over");
            changed = true;
        }
        const BreakerState state = state_.load(std::memory_order_relaxed);
        if (state == BreakerState::closed) {
            admission = {};
        } else if (forced_) {
            admission.retry_after = forced_until_ - now;
        } else {
            if (state == BreakerState::open && now >= next_try_) {
                go_to(BreakerState::half_open, now, "requests may try; before, " + why_);
                changed = true;
            }
            if (state_.load(std::memory_order_relaxed) == BreakerState::half_open) {
                if (probing_ + probed_ < options_.probes) {
                    ++probing_;
                    admission = {.admitted = true, .probe = true};
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

void Breaker::report(const Admission& admission, Result result, Instant::duration took,
                     Instant now) {
    if (admission.probe) {
        const std::int64_t slow_ns = slow_ns_.load(std::memory_order_relaxed);
        const bool slow = slow_ns != 0 && took.count() > slow_ns;
        report_probe(result == Result::success && slow ? Result::failure : result, now);
        return;
    }
    if (result == Result::ignored) {
        return;
    }
    const std::int64_t slow_ns = slow_ns_.load(std::memory_order_relaxed);
    const bool slow = slow_ns != 0 && took.count() > slow_ns;
    count(result, slow, now);
    if (result == Result::failure || slow) {
        judge(now);
    }
}

void Breaker::report_probe(Result result, Instant now) {
    {
        const std::scoped_lock lock(mutex_);
        // One that was let through before the breaker changed its mind says nothing any more.
        if (state_.load(std::memory_order_relaxed) != BreakerState::half_open || probing_ == 0) {
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
    return {.state = state_.load(std::memory_order_relaxed),
            .forced = forced_.has_value() && now < forced_until_,
            .since = since_,
            .next_try = next_try_,
            .why = why_,
            .transitions = transitions_,
            .rejects = rejects_.load(std::memory_order_relaxed)};
}

}  // namespace gw::upstream
