// The end of every request, on every way out: one access line and its counters, exactly once.
#pragma once

#include "gateway/exchange.hpp"
#include "observe/access_log.hpp"

namespace gw::gateway {

// What the access line says of a request, as far as it is known now. Views into the exchange and
// what it refers to.
observe::AccessRecord record_of(const Exchange& x, const Outcome& outcome, Instant now);

class Finish {
  public:
    explicit Finish(Exchange& x);
    Finish(const Finish&) = delete;
    Finish& operator=(const Finish&) = delete;
    ~Finish();

  private:
    Exchange& x_;
};

}  // namespace gw::gateway
