#include "upstream/adaptive_limit.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gw::upstream {
namespace {

using std::chrono::seconds;

// Times as long as alone: below the first there is room, above the second a crowd. What lies
// between is where a service bears a little more than it was made for. Both are moved up by one
// standard error of what is known of answers alone.
constexpr double kRoom = 1.05;
constexpr double kCrowd = 1.10;
// A mean is believed when its standard error is this part of it; or after so long, with so many.
constexpr double kPrecise = 0.03;
constexpr Millis kWindowMin{250};
constexpr Millis kWindowMax{2'000};
constexpr std::uint32_t kSamplesMin = 10;
// Where one more was a try, a crowd that is this evident is not waited for until the window's end.
constexpr Millis kWindowShort{40};
constexpr double kEvident = 1.15;
constexpr double kEvidentErrors = 3;
// Times as long as an answer until those that were begun under another limit are out.
constexpr double kSettle = 2;
// One answer counts as at most so many times as long as alone: a hiccup is no crowd.
constexpr double kOutlier = 10;
// A limit that is not used up to this part is not shown right, nor wrong.
constexpr double kBusy = 0.75;
// This part of answers that say "too much", and so much of the limit that is left then. A service
// that fails a few of its requests for reasons of its own is not overloaded.
constexpr double kOverloadedShare = 0.02;
constexpr double kOverloaded = 0.9;
constexpr double kStart = 0.25;  // of the most: to begin with
// The longest pause before a limit that was a crowd is tried again, in windows.
constexpr std::uint32_t kPatienceMax = 32;

// A probe: so much of the limit, for so many times as long as an answer takes. Half is no crowd
// where the limit is near what is right, and a service that is besieged loses a hundredth by it.
constexpr double kProbe = 0.5;
constexpr int kProbeAnswers = 25;
constexpr int kProbeAnswersMin = 5;
constexpr Millis kProbeMax{500};
constexpr seconds kProbeEvery{8};
// It lasts at most this part of the time between two.
constexpr int kProbeShare = 16;
// What is known of answers alone is weighed against what is found by how sure both are (a Kalman
// filter of one number). It may have moved by this part of it after a second, by the square root of
// the seconds after more; what differs by so much and by what chance does not explain is believed.
constexpr double kDrift = 0.003;
constexpr double kSurprise = 0.05;
constexpr double kSurpriseErrors = 3;
// So many standard errors quicker than alone, a window of a limit in full use is news.
constexpr double kQuicker = 4;

Instant::duration to_duration(double s) {
    return std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(s));
}

}  // namespace

AdaptiveLimit::AdaptiveLimit(Bounds bounds, std::uint64_t seed)
    : bounds_(bounds),
      random_(seed),
      limit_(static_cast<std::uint32_t>(bounds.most * kStart)),
      failed_(bounds.most + 1) {
    configure(bounds);
}

void AdaptiveLimit::configure(Bounds bounds) {
    const std::uint32_t most = std::max(1U, bounds.most);
    bounds_ = {.least = std::clamp(bounds.least, 1U, most), .most = most};
    if (alone_s_ <= 0) {
        limit_ = static_cast<std::uint32_t>(bounds_.most * kStart);
    }
    limit_ = std::clamp(limit_, bounds_.least, bounds_.most);
    forget_failure();
}

std::uint32_t AdaptiveLimit::value() const {
    if (!probing_) {
        return limit_;
    }
    // Before anything is known even half of the limit may be a crowd.
    return alone_s_ <= 0 ? bounds_.least
                         : std::max(bounds_.least, static_cast<std::uint32_t>(limit_ * kProbe));
}

void AdaptiveLimit::sample(Instant::duration took, bool overloaded, std::uint32_t in_flight,
                           Clock clock) {
    const Instant now = clock.now;
    if (took < Instant::duration{}) {
        return;  // one of these would spoil the mean of a window, and what comes of it
    }
    if (window_.began == Instant{}) {
        window_.began = now;
        next_probe_ = next_moment(clock);
    }
    if (now >= next_probe_ && busy_ && !probing_ && alone_s_ > 0) {
        begin_probe(now);
    }
    if (now < window_.began) {
        return;
    }
    window_.in_flight += in_flight;
    if (overloaded) {
        // A refusal is quick, and says nothing of how long work takes.
        ++window_.overloaded;
    } else {
        const double whole_s = std::chrono::duration<double>(took).count();
        const double took_s = alone_s_ > 0 ? std::min(whole_s, alone_s_ * kOutlier) : whole_s;
        window_.sum_s += took_s;
        window_.squares += took_s * took_s;
        ++window_.samples;
    }
    if (tells_enough(now)) {
        close_window(clock);
    }
}

bool AdaptiveLimit::tells_enough(Instant now) const {
    const Instant::duration lasted = now - window_.began;
    if (probing_ && alone_s_ > 0) {
        return lasted >= probe_length() && window_.samples + window_.overloaded > 1;
    }
    if (lasted < kWindowMin) {
        return tried_ && lasted >= kWindowShort && window_.samples % 8 == 0 && evidently_crowded();
    }
    if (window_.samples < kSamplesMin) {
        return window_.overloaded >= kSamplesMin ||
               (window_.overloaded > 0 && lasted >= kWindowMax);
    }
    if (lasted >= kWindowMax) {
        return true;
    }
    // squares / n - mean^2 is the variance, and the error's square is that / n.
    const double n = window_.samples;
    const double mean_squared = window_.sum_s * window_.sum_s / (n * n);
    return window_.squares / n - mean_squared <= n * kPrecise * kPrecise * mean_squared;
}

bool AdaptiveLimit::evidently_crowded() const {
    if (alone_s_ <= 0 || window_.samples < 2 * kSamplesMin) {
        return false;
    }
    const Mean so_far = mean();
    return so_far.value_s - kEvidentErrors * so_far.error_s > kEvident * alone_s_;
}

AdaptiveLimit::Mean AdaptiveLimit::mean() const {
    const double n = window_.samples;
    const double value = window_.sum_s / n;
    const double variance = std::max(0.0, window_.squares / n - value * value);
    return {.value_s = value, .error_s = std::sqrt(variance / n)};
}

void AdaptiveLimit::begin_window(Instant::duration after, Instant now) {
    window_ = {.began = now + after};
}

void AdaptiveLimit::close_window(Clock clock) {
    const Instant now = clock.now;
    const double ended = window_.samples + window_.overloaded;
    busy_ = static_cast<double>(window_.in_flight) >= kBusy * ended * static_cast<double>(value());
    if (window_.samples < 2 || window_.overloaded >= kOverloadedShare * ended) {
        probing_ = false;
        next_probe_ = next_moment(clock);
        shrink(static_cast<std::uint32_t>(limit_ * kOverloaded));
        begin_window(Instant::duration{}, now);
        return;
    }
    const Mean found = mean();
    if (probing_) {
        close_probe(found, clock);
        begin_window(to_duration(kSettle * found.value_s), now);
        return;
    }
    if (alone_s_ <= 0 && busy_ && limit_ > bounds_.least) {
        begin_probe(now);
        return;
    }
    learn_alone(found, busy_, now);
    const bool changed = busy_ && adjust(found.value_s / alone_s_);
    begin_window(to_duration(changed ? kSettle * found.value_s : 0), now);
}

void AdaptiveLimit::begin_probe(Instant now) {
    probing_ = true;
    begin_window(to_duration(kSettle * (alone_s_ > 0 ? alone_s_ : mean().value_s)), now);
}

Instant::duration AdaptiveLimit::probe_length() const {
    const Instant::duration generations = to_duration(alone_s_);
    return std::clamp<Instant::duration>(
        kProbeAnswers * generations, kWindowMin,
        std::max<Instant::duration>(kProbeMax, kProbeAnswersMin * generations));
}

// By the clock on the wall, the same for all: those who share a service measure it together, or
// each would find the others' crowd, believe it, and add to it.
Instant AdaptiveLimit::next_moment(Clock clock) const {
    Instant::duration every = kProbeEvery;
    while (alone_s_ > 0 && probe_length() * kProbeShare > every) {
        every *= 2;
    }
    const Instant::duration soonest = every / 4;
    return clock.now + soonest + every - (clock.wall.time_since_epoch() + soonest) % every;
}

void AdaptiveLimit::close_probe(Mean found, Clock clock) {
    if (alone_s_ <= 0) {
        limit_ = bounds_.least;  // from where it doubles
        believe(found, clock.now);
        step_ = limit_;
    } else {
        weigh(found, clock.now);
    }
    probing_ = false;
    next_probe_ = next_moment(clock);
}

void AdaptiveLimit::learn_alone(Mean found, bool busy, Instant now) {
    if (alone_s_ <= 0) {
        believe(found, now);
    } else if (!busy || found.value_s < alone_s_ - kQuicker * found.error_s) {
        // Nobody is crowded: this is how long it takes by now.
        weigh(found, now);
    }
}

void AdaptiveLimit::believe(Mean found, Instant now) {
    alone_s_ = found.value_s;
    alone_variance_ = std::pow(found.error_s / found.value_s, 2);
    learnt_ = now;
    forget_failure();
}

void AdaptiveLimit::weigh(Mean found, Instant now) {
    alone_variance_ += kDrift * kDrift * std::chrono::duration<double>(now - learnt_).count();
    learnt_ = now;
    const double variance = std::pow(found.error_s / found.value_s, 2);
    const double differs = found.value_s / alone_s_ - 1;
    if (std::abs(differs) > kSurprise + kSurpriseErrors * std::sqrt(alone_variance_ + variance)) {
        believe(found, now);
        return;
    }
    const double weight = alone_variance_ / (alone_variance_ + variance + 1e-9);
    alone_s_ *= 1 + weight * differs;
    alone_variance_ *= 1 - weight;
}

bool AdaptiveLimit::adjust(double longer) {
    const double doubt = std::sqrt(alone_variance_);
    const bool tried = std::exchange(tried_, false);
    if (longer > kCrowd + doubt) {
        // Others may have tried, and step back.
        if (!tried && !std::exchange(crowded_, true)) {
            return false;
        }
        failed_ = limit_;
        // Others that failed with it are not to try again with it.
        pause_ = patience_ / 2 + static_cast<std::uint32_t>(random_.below(patience_ + 1));
        patience_ = std::min(2 * patience_, kPatienceMax);
        // Half of what a queue would have it, and all of what is right where a crowd costs more.
        shrink(static_cast<std::uint32_t>(std::lround(limit_ / std::sqrt(longer))));
        return true;
    }
    crowded_ = false;
    if (longer > kRoom + doubt) {
        return false;
    }
    if (limit_ >= failed_) {
        forget_failure();
    }
    return grow();
}

bool AdaptiveLimit::grow() {
    if (limit_ + 1 >= failed_ && pause_ > 0) {
        --pause_;
        return false;
    }
    const std::uint32_t before = limit_;
    const std::uint32_t known_good = limit_ + 1 < failed_ ? failed_ - 1 : bounds_.most;
    limit_ = std::min({limit_ + step_, known_good, bounds_.most});
    step_ = std::min(2 * step_, limit_);
    tried_ = limit_ != before;
    return tried_;
}

void AdaptiveLimit::shrink(std::uint32_t to) {
    limit_ = std::max(bounds_.least, std::min(to, limit_ - 1));
    step_ = 1;
}

void AdaptiveLimit::forget_failure() {
    failed_ = bounds_.most + 1;
    pause_ = 0;
    patience_ = 1;
    step_ = 1;
}

}  // namespace gw::upstream
