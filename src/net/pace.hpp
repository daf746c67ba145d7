// Cuts peers that are too slow, not transfers that are long: a peer may stop for a while and may be
// slow for a while, but over each stretch of waiting it must move a few bytes a second. Only time
// spent waiting for the peer counts, so back-pressure from the other side never makes an honest one
// look slow. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.hpp"

namespace gw::net {

struct PaceLimits {
    Millis stall{20'000};                // longest wait without a single byte
    Millis stretch{10'000};              // waiting that is judged together
    std::size_t bytes_per_second = 256;  // least rate over a stretch
};

class Pace {
  public:
    explicit Pace(const PaceLimits& limits) : limits_(limits), left_(limits.stretch) {}

    // Waiting begins: until when?
    Instant wait_until(Instant now) {
        began_ = now;
        return now + std::min<Instant::duration>(limits_.stall, left_);
    }
    // Waiting ended with `bytes` moved.
    void moved(std::size_t bytes, Instant now) {
        left_ -= now - began_;
        began_ = now;
        bytes_ += bytes;
        const auto enough =
            limits_.bytes_per_second * static_cast<std::size_t>(limits_.stretch.count()) / 1000;
        if (bytes_ >= enough) {
            bytes_ = 0;
            left_ = limits_.stretch;
        }
    }

  private:
    PaceLimits limits_;
    Instant::duration left_;
    Instant began_{};
    std::size_t bytes_ = 0;
};

}  // namespace gw::net
