// What one request has to do with its Idempotency-Key: the claim that it holds while it is served,
// and the answer that it leaves for who asks again. Lives in the exchange of a route that has an
// `idempotency` section. One worker.
#pragma once

#include <optional>
#include <string>

#include "gateway/idempotency_options.hpp"
#include "gateway/idempotency_record.hpp"
#include "gateway/idempotency_store.hpp"
#include "http/stream.hpp"

namespace gw::gateway {

struct Exchange;

class IdempotencyWork {
  public:
    // The request's body is held. Both references outlive it.
    IdempotencyWork(Exchange& x, IdempotencyStore& store, const IdempotencyOptions& options);
    IdempotencyWork(const IdempotencyWork&) = delete;
    IdempotencyWork& operator=(const IdempotencyWork&) = delete;
    // What was claimed and not answered may be tried again.
    ~IdempotencyWork();

    // In the store: of the caller, the route and the key, so that nobody meets another's.
    [[nodiscard]] const ClaimPlace& place() const { return place_; }
    // What stands there while this request is served.
    [[nodiscard]] const std::string& claim() const { return claim_; }
    // How long the claim has to hold: `service` is what the service may take for what comes next.
    [[nodiscard]] static Millis claim_time(Millis service) { return service + kClaimSpare; }

    // What the store said of the claim.
    Verdict claimed(Exchange& x, const IdempotencyStore::Claimed& found);

    // Whether the service's answer is wanted although the client is gone.
    [[nodiscard]] bool outlives_client() const { return mine_; }
    // The head as the client gets it, before what is changed in each answer and our own fields.
    void take_head(const Exchange& x, const http::ResponseHead& head);
    void take_body(const http::BodyPart& part);
    // The client is not to have the service's answer: what was done is done all the same, and who
    // asks again is told the same as now.
    void withheld(int status);
    // The service is still at it, and may take `service` for what comes next.
    void renew(Instant now, Millis service);

    // Not null: what the client gets.
    [[nodiscard]] const StoredAnswer* replays() const { return replay_ ? &*replay_ : nullptr; }

  private:
    // A claim outlives the service's time by this, should we end without a word.
    static constexpr Millis kClaimSpare{30'000};
    // It is not renewed for less.
    static constexpr Millis kRenewalMin{10'000};

    void settle(std::string value);

    IdempotencyStore& store_;
    const IdempotencyOptions& options_;
    ClaimPlace place_;
    std::string request_;  // its digest
    std::string claim_;
    Instant claimed_until_;
    bool mine_ = false;
    bool takes_ = false;
    StoredAnswer answer_;
    std::string body_;
    std::optional<StoredAnswer> replay_;
};

// Fills x.memory.response and x.own.body with what was answered first. What does not go on: a stage
// will not have it given.
Verdict prepare_replay(Exchange& x);

}  // namespace gw::gateway
