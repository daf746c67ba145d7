// How many requests a service can work on at once, learnt from how long its answers take. Pure.
//
// While answers take about as long as they do without a crowd there is room for more; when they
// take longer, there is not. So the limit grows, in steps that double, until answers take longer,
// steps back below that, and tries again after pauses that grow: between tries the service is not
// crowded. How long an answer takes without a crowd is measured now and then with half of the
// limit, as BBR and Envoy do, because a mean that includes the crowd creeps up with it; sooner
// where the limit has fallen. A mean is believed when there are enough answers for it.
//
// Several limits, of other workers and gateways, may share a service. All see the same crowd: who
// has just grown steps back at once, the others only if it stays. They measure at the same moments:
// one that measured alone would find the crowd of the others. (In the simulation beside this, four
// with moments of their own end with up to twice what the service bears; together, within a tenth.)
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
    // answer in time. took: a negative one is ignored.
    void sample(Instant::duration took, bool overloaded, std::uint32_t in_flight, Clock clock);

  private:
    struct Window {
        Instant began{};  // what ends before was still begun under another limit
        double sum_s = 0;
        double squares = 0;
        std::uint64_t in_flight = 0;
        std::uint32_t samples = 0;
        std::uint32_t overloaded = 0;
    };
    struct Mean {
        double value_s = 0;
        double error_s = 0;  // its standard error
    };

    [[nodiscard]] bool tells_enough(Instant now) const;
    [[nodiscard]] bool evidently_crowded() const;
    [[nodiscard]] Mean mean() const;
    void begin_window(Instant::duration after, Instant now);
    void close_window(Clock clock);
    void begin_probe(Instant now);
    void close_probe(Mean found, Clock clock);
    [[nodiscard]] Instant::duration probe_length() const;
    [[nodiscard]] Instant next_moment(Clock clock) const;
    void learn_alone(Mean found, bool busy, Instant now);
    void believe(Mean found, Instant now);
    void weigh(Mean found, Instant now);
    // longer: times as long as alone. True: the limit has changed.
    bool adjust(double longer);
    bool grow();
    void shrink(std::uint32_t to);
    void forget_failure();

    Bounds bounds_;
    Random random_;
    std::uint32_t limit_;
    double alone_s_ = 0;         // an answer without a crowd; 0: not known yet
    double alone_variance_ = 0;  // of what is known of it, as a part of its square
    Instant learnt_{};
    Window window_;

    std::uint32_t step_ = 1;
    std::uint32_t failed_;        // the limit that was a crowd the last time; above most: none
    std::uint32_t pause_ = 0;     // windows until it is tried again
    std::uint32_t patience_ = 1;  // the next pause

    bool tried_ = false;    // it has just grown
    bool crowded_ = false;  // the last window was
    bool busy_ = false;
    bool probing_ = false;
    Instant next_probe_{};
};

}  // namespace gw::upstream
