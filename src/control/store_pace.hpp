// Whether the store answers soon enough for requests to be counted by it, judged second by second:
// a single late answer is nothing, but a store that goes on answering late leaves gateways to count
// alone as one that is away does, only that nobody sees it. Pure; not thread-safe.
#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace gw::control {

class StorePace {
  public:
    // late: an answer that takes so long comes when nobody waits for it any more.
    explicit StorePace(Millis late) : late_after_(late) {}

    // The store has answered, so long after it was asked.
    void answered(Instant::duration took) { ++(took >= late_after_ ? late_ : prompt_); }
    // A second is over in which it was asked at least once. True: slow() is another than before.
    bool second_over() {
        // No answer at all is a late one.
        const bool late = late_ >= prompt_;
        late_ = prompt_ = 0;
        against_ = late == slow_ ? 0 : against_ + 1;
        if (against_ < (slow_ ? kPromptAfter : kSlowAfter)) {
            return false;
        }
        slow_ = late;
        against_ = 0;
        return true;
    }
    // It was away: what came before says nothing of it.
    void begin_anew() {
        late_ = prompt_ = 0;
        against_ = 0;
    }
    [[nodiscard]] bool slow() const { return slow_; }

    // Seconds in a row. Back later than there, so that a store at the border is one of both.
    static constexpr int kSlowAfter = 3;
    static constexpr int kPromptAfter = 5;

  private:
    Instant::duration late_after_;
    std::size_t late_ = 0;
    std::size_t prompt_ = 0;
    int against_ = 0;  // seconds in a row that say something else than slow_
    bool slow_ = false;
};

}  // namespace gw::control
