#include "upstream/adaptive_limit.hpp"

#include <algorithm>
#include <cmath>

namespace gw::upstream {
namespace {

constexpr double kTolerance = 1.2;    // times as long as alone: still well
constexpr double kSmoothing = 0.2;    // weight of a window in the limit
constexpr double kOverloaded = 0.9;   // of the limit that is left after a window with an overload
constexpr double kDrift = 0.1;        // weight of a window in what is known of answers alone
constexpr double kStart = 0.25;       // of the most: to begin with
constexpr double kGradientMin = 0.5;  // no window more than halves the aim
// Of the limit while answers alone are measured: no crowd even where the last measure was too high.
constexpr double kProbe = 0.25;
// A limit that has fallen to this since the last measure, or a measure that is this much below the
// one before, says that what is known is not so any more, or not so yet.
constexpr double kSuspicious = 0.7;

}  // namespace

AdaptiveLimit::AdaptiveLimit(Bounds bounds, std::uint64_t seed)
    : bounds_(bounds), random_(seed), limit_(bounds.most * kStart) {
    configure(bounds);
}

void AdaptiveLimit::configure(Bounds bounds) {
    bounds_ = {.least = std::min(bounds.least, bounds.most), .most = bounds.most};
    if (alone_s_ <= 0) {
        limit_ = bounds_.most * kStart;
    }
    limit_ = std::clamp<double>(limit_, bounds_.least, bounds_.most);
}

std::uint32_t AdaptiveLimit::value() const {
    if (probing_ > 0) {
        // Before anything is known even a quarter of the limit may be a crowd.
        return probed_ ? std::max(bounds_.least, static_cast<std::uint32_t>(limit_ * kProbe))
                       : bounds_.least;
    }
    return static_cast<std::uint32_t>(limit_);
}

void AdaptiveLimit::sample(Instant::duration took, bool overloaded, std::uint32_t in_flight,
                           Instant now) {
    if (window_.began == Instant{}) {
        window_.began = now;
        next_probe_ = now + kFirstProbe;
    }
    window_.peak = std::max(window_.peak, in_flight);
    window_.overloaded = window_.overloaded || overloaded;
    // A refusal is quick, and says nothing of how long work takes.
    if (!overloaded) {
        window_.sum_s += std::chrono::duration<double>(took).count();
        ++window_.samples;
    }
    if (now - window_.began >= kWindow && (window_.samples >= kSamplesMin || window_.overloaded)) {
        close_window(now);
    }
}

void AdaptiveLimit::plan_probe(Instant::duration whole, Instant now) {
    next_probe_ = now + whole / 2 +
                  Instant::duration(static_cast<std::int64_t>(
                      random_.below(static_cast<std::uint64_t>(whole.count()))));
}

void AdaptiveLimit::close_window(Instant now) {
    const Window window = std::exchange(window_, {.began = now});
    const bool busy = window.peak * 2.0 >= value();
    if (window.overloaded) {
        limit_ = std::max<double>(bounds_.least, limit_ * kOverloaded);
    }
    if (window.samples < kSamplesMin) {
        return;
    }
    const double mean_s = window.sum_s / window.samples;
    if (probing_ > 0) {
        if (--probing_ == 0) {
            const bool surprising = probed_ && mean_s < alone_s_ * kSuspicious;
            alone_s_ = mean_s;
            probed_ = true;
            limit_at_probe_ = limit_;
            plan_probe(surprising ? kProbeAgain : kProbeEvery, now);
        }
        return;
    }
    if (alone_s_ <= 0 || mean_s < alone_s_) {
        alone_s_ = mean_s;
    } else if (!busy) {
        // Nobody is crowded: this is how long it takes by now.
        alone_s_ += kDrift * (mean_s - alone_s_);
    }
    // A limit that nobody comes near would grow without ever being shown right.
    if (busy && !window.overloaded) {
        adjust(mean_s);
        if (probed_ && limit_ < limit_at_probe_ * kSuspicious) {
            limit_at_probe_ = limit_;
            next_probe_ = std::min<Instant>(next_probe_, now + kProbeAgain);
        }
        if (now >= next_probe_) {
            probing_ = 2;
        }
    }
}

void AdaptiveLimit::adjust(double mean_s) {
    const double longer = mean_s / alone_s_;
    const double gradient = std::clamp(kTolerance / longer, kGradientMin, 1.0);
    // It grows less the nearer answers come to what is tolerated: past that a service may do less
    // with more.
    const double room = std::clamp((kTolerance - longer) / (kTolerance - 1), 0.0, 1.0);
    const double aim = limit_ * gradient + std::sqrt(limit_) * room;
    limit_ = std::clamp<double>(limit_ + kSmoothing * (aim - limit_), bounds_.least, bounds_.most);
}

}  // namespace gw::upstream
