// One request that a breaker has let through. Told once what came of it. Never told: a success if
// it was answered, else it says nothing.
#pragma once

#include <algorithm>
#include <utility>

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
            const bool answered = answered_ != Instant{};
            breaker_.report(
                admission_, answered ? Breaker::Result::success : Breaker::Result::ignored,
                answered ? answered_ - began_ : Instant::duration{}, answered ? answered_ : began_);
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
    // The head of an answer is there, and its body may still break off: a success for as long as
    // nothing else is told, of the time that the head took. asked: when the last byte of the
    // request had left, if later than its head: a client that sends slowly does not make a service
    // slow.
    void answered(Instant now, Instant asked = {}) {
        answered_ = now;
        began_ = std::max(began_, std::min(asked, now));
    }
    // So much of its body has come that what comes later says nothing of it any more.
    void settle(Instant now) {
        if (answered_ != Instant{} && now - answered_ >= kSettled) {
            tell(Breaker::Result::success, answered_);
        }
    }

  private:
    // Nobody else may try for as long as one is not told of that tries for all.
    static constexpr std::chrono::seconds kSettled{1};

    Breaker& breaker_;
    const Breaker::Admission admission_;
    Instant began_;
    Instant answered_{};
    bool told_ = false;
};

}  // namespace gw::upstream
