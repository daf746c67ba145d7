// How much more a service may be asked because it failed: one request again for every five that it
// was sent, and three a second for one that is seldom asked. So a service that is down is asked a
// fifth more, however many clients there are (Finagle's retry budget). One worker's thread.
#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace gw::upstream {

class RetryBudget {
  public:
    // A request was sent for the first time.
    void sent() { tokens_ = std::min(kMost, tokens_ + kShare); }
    // May one be sent again? It then counts as sent again.
    bool take(Instant now) {
        const double seconds = std::chrono::duration<double>(now - filled_at_).count();
        free_ = std::min(kFree, free_ + seconds * kFree);
        filled_at_ = now;
        if (tokens_ >= 1) {
            tokens_ -= 1;
            return true;
        }
        if (free_ >= 1) {
            free_ -= 1;
            return true;
        }
        return false;
    }

  private:
    static constexpr double kShare = 0.2;
    static constexpr double kMost = 100;
    static constexpr double kFree = 3;  // a second
    double tokens_ = 0;
    double free_ = kFree;
    Instant filled_at_{};
};

}  // namespace gw::upstream
