// The end of every request, on every way out: one access line and its counters, exactly once.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

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
