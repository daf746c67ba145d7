// How long a service lets a connection lie unused, learnt from what it does, so that a request is
// never sent into a connection that is just being closed. Pure; one thread.
#pragma once

#include <optional>

#include "base/clock.hpp"

namespace gw::upstream {

class IdleLimit {
  public:
    // The service closed a connection that had been unused for `idle`. Two closings at different
    // moments after about the same time are its limit; many at one moment are a restart, and one
    // after less than kShortest is an accident.
    void closed_after(Instant::duration idle, Instant at);
    static constexpr Millis kShortest{500};
    // It said so in an answer: `Keep-Alive: timeout=` (RFC 2068, 19.7.1.1).
    void announced(std::chrono::seconds timeout);

    // How long a connection may lie unused: a fifth, and at least 100 ms, below what the service
    // allows, and no longer than `configured`. What was learnt from closings is forgotten after a
    // quarter of an hour.
    [[nodiscard]] Instant::duration limit(Millis configured, Instant now) const;

  private:
    static constexpr auto kForgotten = std::chrono::minutes(15);
    std::optional<Instant::duration> last_;  // of the closing before
    Instant last_at_{};
    std::optional<Instant::duration> learnt_;
    Instant learnt_at_{};
    std::optional<Instant::duration> announced_;
};

}  // namespace gw::upstream
