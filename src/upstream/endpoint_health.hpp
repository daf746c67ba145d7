// Whether an endpoint is worth asking, by how its last requests fared: one that failed several
// times in a row is left out for a while, longer each time. One worker's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace gw::upstream {

class EndpointHealth {
  public:
    void succeeded() {
        failures_ = 0;
        if (ejections_ > 0 && --credit_ == 0) {
            --ejections_;
            credit_ = kCredit;
        }
    }
    void failed(Instant now) {
        if (++failures_ >= kFailuresMax) {
            failures_ = 0;
            ejections_ = std::min(ejections_ + 1, kLongest);
            ejected_until_ = now + kEjected * ejections_;
        }
    }
    [[nodiscard]] bool is_ejected(Instant now) const { return now < ejected_until_; }

  private:
    static constexpr std::uint32_t kFailuresMax = 5;
    static constexpr Millis kEjected{10'000};      // the first time; then twice that, and so on
    static constexpr std::uint32_t kLongest = 30;  // times that
    static constexpr std::uint32_t kCredit = 100;  // successes that make up for an ejection
    std::uint32_t failures_ = 0;                   // in a row
    std::uint32_t ejections_ = 0;
    std::uint32_t credit_ = kCredit;
    Instant ejected_until_{};
};

}  // namespace gw::upstream
