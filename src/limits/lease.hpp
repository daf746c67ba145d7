// One key of a policy in the mode leased, at one gateway: permits are taken ahead from the store,
// so that a request finds one here and costs no round trip.
//
// Permits live for L = W / 40. The store holds each until its life and then a window have passed
// (exact.hpp), so permits alone never admit more than N in any window; what that costs, and what
// the grouping costs, is below 5 %. A gateway asks for what it will need until it asks again, 0.85
// L later, and gives back what it did not use. What it holds ahead is little beside what the store
// still has, 1/8 over all gateways, or 5 % of N where less is left: so a client that moves to
// another gateway finds nearly all of its limit there, and a limit of few is counted one by one.
// Where none is left, a little may be admitted on credit, 1 % of N over all gateways, which the
// next permits pay for; that is all that the fleet can go over the limit. Only then has a request
// to wait for the store.
//
// A store that has none is asked again once a life, as long as others may give back what they hold
// ahead, if that is sooner than it has some by itself; else not before that.
//
// While the store is away the gateway counts alone, up to its share: N / gateways, and what it
// admitted before counts too, as does that the store had none.
//
// Pure; not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "limits/exact.hpp"
#include "limits/window.hpp"

namespace gw::limits {

class Lease {
  public:
    static constexpr std::uint32_t kGroups = 128;  // for take_arguments()

    explicit Lease(const Quota& quota);

    enum class Is : std::uint8_t {
        admitted,
        refused,
        waiting,  // for the store's answer; then take_again()
    };
    struct Taken {
        Is is = Is::refused;
        Outcome outcome;  // not of a waiting one
    };
    // gateways: that are alive, as far as is known; at least 1. alone: the store is not to be
    // waited for, as if it were away. Then ask() has to be called.
    Taken take(Instant now, std::uint32_t gateways, bool alone = false);
    // For one that waited, after answered() or failed(). It may have to wait again, when others
    // came first: whoever does not want to asks alone.
    Taken take_again(Instant now, std::uint32_t gateways, bool alone = false);

    // What has to be sent to the store now, if anything; then answered() or failed() must follow,
    // and until then there is nothing to be sent.
    std::optional<StoreAsk> ask(Instant now);
    void answered(const StoreAnswer& answer, Instant now);
    void failed(Instant now);
    // When to call ask() although nobody called take(): permits go back that nobody used.
    [[nodiscard]] Instant due() const;

    // What it has admitted, and what the store has said of it, is over; permits stay.
    void forget();
    // Nothing of it matters any more: it may be forgotten.
    [[nodiscard]] bool is_over(Instant now) const;
    [[nodiscard]] bool store_is_away() const { return away_; }
    [[nodiscard]] std::uint32_t left() const;

  private:
    struct Batch {
        PermitId id = 0;
        std::uint32_t left = 0;
        Instant ends{};
    };
    struct Sent {
        std::uint32_t permits = 0;
        std::uint32_t back = 0;
        Instant at{};
    };

    Taken decide(Instant now, std::uint32_t gateways, bool alone);
    Taken decide_alone(Instant now);
    [[nodiscard]] std::uint32_t ahead_max() const;
    bool use_permit();
    void end_batches(Instant now);
    void estimate(Instant now);
    [[nodiscard]] Taken taken(Is is, Instant now) const;
    [[nodiscard]] bool must_ask(Instant now) const;

    Quota quota_;
    Instant::duration life_;
    Instant::duration interval_;
    std::array<Batch, 4> batches_{};  // by their ends; at most two are in use, as a rule
    PermitId back_id_ = 0;
    std::uint32_t back_ = 0;
    std::uint32_t debt_ = 0;     // admitted on credit
    std::uint32_t waiting_ = 0;  // for the answer
    double rate_ = 0;            // requests a second, admitted or not
    std::uint32_t arrived_ = 0;  // since `counted_from_`
    Instant counted_from_{};
    Instant asked_at_{};
    std::optional<Sent> sent_;
    Instant exhausted_until_{};  // the store has none until then, unless some are given back
    Instant ask_again_{};        // for those; not after exhausted_until_
    std::uint32_t elsewhere_;    // that the store still had
    std::uint32_t fleet_ = 1;    // gateways
    bool wants_more_ = false;    // than it could take ahead when it last asked
    Instant reset_{};
    bool away_ = false;
    Instant try_at_{};  // while it is away
    Window admitted_{};
};

}  // namespace gw::limits
