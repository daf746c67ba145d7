// A place in the store that one request holds while it is served, so that the same does not come
// twice: it stays taken once the service has answered, and is free again where that came to
// nothing. One worker.
#pragma once

#include <string>

#include "gateway/idempotency_store.hpp"

namespace gw::gateway {

// What a service said once and would say again. The others say: try again, or fail.
inline bool is_final(int status) {
    return status < 500 && status != 408 && status != 425 && status != 429;
}

class HeldClaim {
  public:
    // `claim` stands there in the store, which outlives this.
    HeldClaim(IdempotencyStore& store, ClaimPlace place, std::string claim)
        : store_(store), place_(std::move(place)), claim_(std::move(claim)) {}
    HeldClaim(const HeldClaim&) = delete;
    HeldClaim& operator=(const HeldClaim&) = delete;
    ~HeldClaim() {
        if (!used_) {
            store_.release(std::move(place_), std::move(claim_));
        }
    }

    // The service's answer: from a final one on it stays taken until its time is over.
    void answered(int status) { used_ = used_ || is_final(status); }

  private:
    IdempotencyStore& store_;
    ClaimPlace place_;
    std::string claim_;
    bool used_ = false;
};

}  // namespace gw::gateway
