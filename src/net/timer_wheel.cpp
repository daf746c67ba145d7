#include "net/timer_wheel.hpp"

#include <bit>

namespace gw::net {

TimerWheel::TimerWheel(Instant start)
    : start_(start), slots_(std::make_unique<Sentinel[]>(kSlots)) {}

void TimerWheel::arm(Timer& timer, Instant due) {
    timer.due_ = due;
    if (due == kNever) {
        return;
    }
    // Round up: a slot is visited when its tick has passed, so nothing fires early.
    const std::int64_t tick = std::max(tick_of(due), tick_) + 1;
    if (timer.next_ != nullptr) {
        if (timer.tick_ <= tick) {
            return;  // it is visited before it is due, and moves on then
        }
        timer.unlink();
    }
    timer.tick_ = tick;
    link(timer);
}

void TimerWheel::link(Timer& timer) {
    const auto slot = static_cast<std::size_t>(timer.tick_) % kSlots;
    Timer& head = slots_[slot];
    timer.prev_ = head.prev_;
    timer.next_ = &head;
    head.prev_->next_ = &timer;
    head.prev_ = &timer;
    maybe_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::advance(Instant now) {
    const std::int64_t target = tick_of(now);
    // After a long sleep every slot is visited once; going round again would find nothing new.
    if (target - tick_ > static_cast<std::int64_t>(kSlots)) {
        tick_ = target - static_cast<std::int64_t>(kSlots);
    }
    while (tick_ < target) {
        ++tick_;
        visit(static_cast<std::size_t>(tick_) % kSlots, now);
    }
}

void TimerWheel::visit(std::size_t slot, Instant now) {
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    if ((maybe_[slot / 64] & bit) == 0) {
        return;
    }
    maybe_[slot / 64] &= ~bit;
    Timer& head = slots_[slot];
    if (head.next_ == &head) {
        return;
    }
    // The ring is taken out first: what fires may link new timers into this very slot.
    Sentinel taken;
    taken.next_ = head.next_;
    taken.prev_ = head.prev_;
    taken.next_->prev_ = &taken;
    taken.prev_->next_ = &taken;
    head.next_ = head.prev_ = &head;
    while (taken.next_ != &taken) {
        Timer& timer = *taken.next_;
        timer.unlink();
        if (timer.due_ == kNever) {
            continue;
        }
        if (timer.due_ <= now) {
            timer.due_ = kNever;
            timer.fire_(timer);
        } else {
            timer.tick_ = std::max(tick_of(timer.due_), tick_) + 1;
            link(timer);
        }
    }
    taken.next_ = nullptr;
}

Instant TimerWheel::next() const {
    // Words are looked at from the slot after the last visited one, once round.
    const auto first = static_cast<std::size_t>(tick_ + 1) % kSlots;
    for (std::size_t i = 0; i <= kSlots / 64; ++i) {
        const std::size_t word = (first / 64 + i) % (kSlots / 64);
        std::uint64_t bits = maybe_[word];
        if (i == 0) {
            bits &= ~std::uint64_t{0} << (first % 64);
        } else if (i == kSlots / 64) {
            bits &= ~(~std::uint64_t{0} << (first % 64));
        }
        if (bits != 0) {
            const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
            const auto ahead = static_cast<std::int64_t>((slot + kSlots - first) % kSlots);
            return start_ + (tick_ + 1 + ahead) * kTick;
        }
    }
    return kNever;
}

}  // namespace gw::net
