// One request that a breaker has let through. Told once what came of it; never told: it says
// nothing.
#pragma once

#include "upstream/breaker.hpp"

namespace gw::upstream {

class BreakerCall {
  public:
    BreakerCall(Breaker& breaker, Instant now)
        : breaker_(breaker), admission_(breaker.admit(now)), began_(now) {}
    BreakerCall(const BreakerCall&) = delete;
    BreakerCall& operator=(const BreakerCall&) = delete;
    ~BreakerCall() {
        if (admission_.admitted && !told_) {
            breaker_.report(admission_, Breaker::Result::ignored, {}, began_);
        }
    }

    [[nodiscard]] bool admitted() const { return admission_.admitted; }
    [[nodiscard]] Instant::duration retry_after() const { return admission_.retry_after; }
    // The first word counts.
    void tell(Breaker::Result result, Instant now) {
        if (!std::exchange(told_, true)) {
            breaker_.report(admission_, result, now - began_, now);
        }
    }

  private:
    Breaker& breaker_;
    const Breaker::Admission admission_;
    const Instant began_;
    bool told_ = false;
};

}  // namespace gw::upstream
