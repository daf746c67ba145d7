// How many requests a service can work on at once, learnt from how long its answers take. Pure.
//
// While answers take about as long as they do without a crowd, the limit grows by up to the square
// root of itself; when they take longer, it shrinks in the same proportion (the gradient of
// Netflix's concurrency-limits). How long an answer takes without a crowd is measured again now and
// then with a quarter of the limit, as BBR and Envoy do, because a mean that includes the crowd
// creeps up with it; sooner where the limit falls or the last measure was a surprise.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace gw::upstream {

class AdaptiveLimit {
  public:
    struct Bounds {
        std::uint32_t least = 8;
        std::uint32_t most = 512;

        bool operator==(const Bounds&) const = default;
    };

    AdaptiveLimit(Bounds bounds, std::uint64_t seed);

    void configure(Bounds bounds);
    [[nodiscard]] std::uint32_t value() const;

    // A request has ended. in_flight: with this one. overloaded: the service said so, or did not
    // answer in time.
    void sample(Instant::duration took, bool overloaded, std::uint32_t in_flight, Instant now);

  private:
    // Time over which answers are averaged, and how many there must be.
    static constexpr Millis kWindow{500};
    static constexpr std::uint32_t kSamplesMin = 10;
    static constexpr std::chrono::seconds kProbeEvery{30};
    static constexpr std::chrono::seconds kProbeAgain{4};
    // The first comes early: the limit to begin with may be a crowd.
    static constexpr std::chrono::seconds kFirstProbe{2};

    struct Window {
        Instant began{};
        double sum_s = 0;
        std::uint32_t samples = 0;
        std::uint32_t peak = 0;  // in flight
        bool overloaded = false;
    };
    void close_window(Instant now);
    void adjust(double mean_s);
    // After half of it to one and a half.
    void plan_probe(Instant::duration whole, Instant now);

    Bounds bounds_;
    Random random_;
    double limit_;
    double alone_s_ = 0;  // an answer without a crowd; 0: not known yet
    Window window_;
    bool probed_ = false;
    double limit_at_probe_ = 0;
    Instant next_probe_{};
    // Windows left of a probe: what ends in the first was still begun in the crowd.
    std::uint32_t probing_ = 0;
};

}  // namespace gw::upstream
