#include "limits/lease.hpp"

#include <algorithm>
#include <cmath>

#include "base/ensure.hpp"

namespace gw::limits {
namespace {

constexpr int kLivesInWindow = 40;
constexpr double kInterval = 0.85;  // of a life
// More than the mean of what comes, because requests come in no even order.
constexpr double kMargin = 1.3;
// The next batch is asked for when so much of the interval's need is left: a round trip's worth.
constexpr double kLow = 0.15;
constexpr std::uint32_t kCreditPart = 100;  // of the limit, for all gateways together
// What all gateways together may hold ahead: a part of what the store still has, or of the limit,
// which is what they need at 95 % of it.
constexpr std::uint32_t kAheadOfRest = 8;
constexpr std::uint32_t kAheadOfLimit = 20;
// Idle keys are looked at every 1.6 s (LeaseTable::tidy), so permits go back so much late.
constexpr Millis kBackWithin{2'000};
constexpr Millis kTryAgainAfter{500};

double seconds_of(Instant::duration d) {
    return std::chrono::duration<double>(d).count();
}

}  // namespace

Lease::Lease(const Quota& quota)
    : quota_(quota.limit(), quota.window()),
      life_(std::chrono::nanoseconds(quota_.window()) / kLivesInWindow),
      interval_(
          std::chrono::nanoseconds(std::llround(kInterval * static_cast<double>(life_.count())))),
      elsewhere_(quota_.limit()) {}

std::uint32_t Lease::left() const {
    std::uint32_t sum = 0;
    for (const Batch& batch : batches_) {
        sum += batch.left;
    }
    return sum;
}

// Permits whose life has ended go back; of several batches the largest, the rest expires in the
// store.
void Lease::end_batches(Instant now) {
    for (Batch& batch : batches_) {
        if (batch.left > 0 && batch.ends <= now) {
            if (batch.left > back_) {
                back_ = batch.left;
                back_id_ = batch.id;
            }
            batch.left = 0;
        }
    }
}

void Lease::forget() {
    debt_ = 0;
    exhausted_until_ = {};
    ask_again_ = {};
    elsewhere_ = quota_.limit();
    reset_ = {};
    admitted_ = Window{};
}

bool Lease::use_permit() {
    Batch* first = nullptr;
    for (Batch& batch : batches_) {
        if (batch.left > 0 && (first == nullptr || batch.ends < first->ends)) {
            first = &batch;
        }
    }
    if (first == nullptr) {
        return false;
    }
    --first->left;
    return true;
}

Lease::Taken Lease::taken(Is is, Instant now) const {
    Taken out{is, {}};
    out.outcome.admitted = is == Is::admitted;
    out.outcome.limit = quota_.limit();
    const std::uint32_t there = left() + (now < ask_again_ ? 0 : elsewhere_);
    out.outcome.remaining = is == Is::admitted ? std::min(there, quota_.limit() - 1) : 0;
    if (is == Is::refused) {
        out.outcome.retry_after = std::max(exhausted_until_ - now, Instant::duration{0});
    }
    // The one that is admitted now is the last to leave.
    out.outcome.reset = is == Is::admitted
                            ? Instant::duration(quota_.window())
                            : std::max(std::min(reset_ - now, Instant::duration(quota_.window())),
                                       out.outcome.retry_after);
    return out;
}

Lease::Taken Lease::decide_alone(Instant now) {
    if (now < exhausted_until_) {
        return taken(Is::refused, now);
    }
    const Quota share = quota_.share(fleet_);
    const Outcome so_far = admitted_.look(quota_, now);
    // look() counts the one it would admit.
    const std::uint32_t used = quota_.limit() - so_far.remaining - (so_far.admitted ? 1U : 0U);
    Taken out{used < share.limit() ? Is::admitted : Is::refused, {}};
    out.outcome = so_far;
    out.outcome.limit = share.limit();
    out.outcome.admitted = out.is == Is::admitted;
    out.outcome.remaining = share.limit() - std::min(used + 1, share.limit());
    if (out.is == Is::admitted) {
        admitted_.put(quota_, now);
    } else {
        out.outcome.retry_after = admitted_.until_free(quota_, share.limit(), now);
    }
    return out;
}

Lease::Taken Lease::decide(Instant now, std::uint32_t gateways, bool alone) {
    end_batches(now);
    fleet_ = std::max(gateways, 1U);
    if (use_permit()) {
        admitted_.put(quota_, now);
        return taken(Is::admitted, now);
    }
    if (away_ || alone) {
        return decide_alone(now);
    }
    if (now < ask_again_) {
        return taken(Is::refused, now);
    }
    // No credit on what others may give back.
    if (now >= exhausted_until_ && debt_ < quota_.limit() / kCreditPart / fleet_) {
        ++debt_;
        admitted_.put(quota_, now);
        return taken(Is::admitted, now);
    }
    ++waiting_;
    return taken(Is::waiting, now);
}

Lease::Taken Lease::take(Instant now, std::uint32_t gateways, bool alone) {
    if (arrived_++ == 0 && counted_from_ == Instant{}) {
        counted_from_ = now;
    }
    return decide(now, gateways, alone);
}

Lease::Taken Lease::take_again(Instant now, std::uint32_t gateways, bool alone) {
    return decide(now, gateways, alone);
}

// How many permits this gateway may have without knowing who will use them.
std::uint32_t Lease::ahead_max() const {
    return std::max(elsewhere_ / kAheadOfRest, quota_.limit() / kAheadOfLimit) / fleet_;
}

// Up at once, down by halves: too few permits make requests wait, too many only go back.
void Lease::estimate(Instant now) {
    const Instant::duration since = std::max(now - counted_from_, interval_);
    const double fresh = arrived_ / seconds_of(since);
    rate_ = std::max(fresh, (rate_ + fresh) / 2);
    arrived_ = 0;
    counted_from_ = now;
}

bool Lease::must_ask(Instant now) const {
    if (sent_) {
        return false;
    }
    if (away_) {
        return now >= try_at_ && arrived_ > 0;
    }
    const bool early = now < asked_at_ + interval_;
    if (back_ > 0 && !early) {
        return true;  // also where the store has none: others may wait for these
    }
    if (now < ask_again_) {
        return false;
    }
    if (waiting_ > 0) {
        return true;
    }
    if (early && !wants_more_) {
        // Credit is there for this; half of it stays for the round trip.
        return false;
    }
    const std::uint32_t most = ahead_max();
    const double need = rate_ * seconds_of(interval_);
    const double low = kLow * (early ? std::min<double>(need, 2 * most) : need);
    return (debt_ > 0 && !early) || (arrived_ > 0 && left() < most && left() <= low);
}

std::optional<StoreAsk> Lease::ask(Instant now) {
    end_batches(now);
    if (!must_ask(now)) {
        return std::nullopt;
    }
    const bool wanted = arrived_ > 0;
    estimate(now);
    const double need = wanted ? std::ceil(kMargin * rate_ * seconds_of(interval_)) : 0;
    const std::uint32_t most = ahead_max();
    wants_more_ = need > most;
    const auto batch = static_cast<std::uint32_t>(std::min<double>(need, most));
    const std::uint32_t have = left();
    StoreAsk ask;
    ask.permits =
        std::min(std::max(batch > have ? batch - have : 0, waiting_) + debt_, quota_.limit());
    ask.life = std::chrono::duration_cast<std::chrono::microseconds>(life_);
    ask.back_id = back_id_;
    ask.back = back_;
    sent_ = Sent{ask.permits, back_, now};
    asked_at_ = now;
    back_ = 0;
    return ask;
}

void Lease::answered(const StoreAnswer& answer, Instant now) {
    ensure(sent_.has_value(), "an answer to what was asked");
    const Sent sent = *sent_;
    sent_.reset();
    waiting_ = 0;
    away_ = false;
    elsewhere_ = answer.remaining;
    reset_ = now + answer.reset;
    const std::uint32_t paid = std::min(debt_, answer.granted);
    debt_ -= paid;
    if (answer.granted > paid) {
        Batch* const free =
            std::ranges::min_element(batches_, {}, [](const Batch& b) { return b.left; });
        // The life began when the store granted them, which was after they were asked for.
        *free = Batch{answer.id, answer.granted - paid, sent.at + life_};
    }
    if (answer.granted < sent.permits) {
        exhausted_until_ = std::max(now + answer.retry_after, sent.at + interval_);
        // The store's latest permit is alive, or may be on its way back, before it has another.
        const bool some_may_return = answer.reset > quota_.window() - interval_ - kBackWithin &&
                                     exhausted_until_ > now + life_ + kBackWithin;
        ask_again_ = some_may_return ? sent.at + life_ : exhausted_until_;
    }
    end_batches(now);
}

void Lease::failed(Instant now) {
    ensure(sent_.has_value(), "a failure of what was asked");
    sent_.reset();
    waiting_ = 0;
    // What is owed stays: with a new credit for each failure the fleet would go over the limit by
    // more than one credit where answers are lost.
    away_ = true;
    try_at_ = now + kTryAgainAfter;
}

Instant Lease::due() const {
    if (sent_ || away_) {
        return kNever;
    }
    if (back_ > 0) {
        return asked_at_ + interval_;
    }
    Instant first = debt_ > 0 ? std::max(asked_at_ + interval_, ask_again_) : kNever;
    for (const Batch& batch : batches_) {
        if (batch.left > 0) {
            first = std::min(first, std::max(batch.ends, asked_at_ + interval_));
        }
    }
    return first;
}

bool Lease::is_over(Instant now) const {
    const bool owes = !away_ && (debt_ > 0 || back_ > 0);
    const bool has = std::ranges::any_of(
        batches_, [&](const Batch& b) { return b.left > 0 && (!away_ || b.ends > now); });
    return !sent_ && !owes && !has && admitted_.is_over(now) && now >= exhausted_until_;
}

}  // namespace gw::limits
