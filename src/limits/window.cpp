#include "limits/window.hpp"

#include <algorithm>

namespace gw::limits {
namespace {

// Ages of up to two windows must fit into the signed 16 bits of a stamp.
constexpr std::int32_t kTicks = 16'384;
constexpr std::uint32_t kExactMax = 20;
constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t ns_of(Instant t) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

// How much later `a` is than `b`; they are less than two windows apart.
std::int32_t later_by(std::uint16_t a, std::uint16_t b) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(a - b));
}

std::uint16_t low(std::uint32_t tick) {
    return static_cast<std::uint16_t>(tick & 0xFFFFU);
}

}  // namespace

Quota::Quota(std::uint32_t limit, Millis window, Millis block)
    : limit_(std::clamp(limit, 1U, kLimitMax)),
      group_((limit_ + kExactMax - 1) / kExactMax),
      window_(std::clamp(window, kWindowMin, kWindowMax)),
      block_(std::clamp(block, Millis{0}, kBlockMax)) {
    using std::chrono::nanoseconds;
    tick_ns_ = (nanoseconds(window_).count() + kTicks - 1) / kTicks;
    block_ticks_ = block_.count() == 0
                       ? 0
                       : static_cast<std::uint32_t>(nanoseconds(block_).count() / tick_ns_ + 2);
}

Quota Quota::share(std::uint32_t gateways) const {
    return {limit_ / std::max(gateways, 1U), window_, block_};
}

bool Window::is_over(Instant now) const {
    return ns_of(now) / kSecond >= until_s_;
}

std::uint32_t Window::used(const Quota& quota) const {
    if (groups_ <= 1) {
        return groups_ == 0 ? 0 : newest_;
    }
    return oldest_ + (groups_ - 2U) * quota.group_ + newest_;
}

// Removes what has left the window; the tick that counts as now.
std::uint32_t Window::advance(const Quota& quota, Instant now) {
    const auto tick = static_cast<std::uint32_t>(ns_of(now) / quota.tick_ns_);
    if (is_over(now)) {
        *this = Window{};
        seen_ = tick;
        return tick;
    }
    // Ticks wrap, but not within the time after which a window is over.
    const auto since = static_cast<std::int32_t>(tick - seen_);
    if (load_ == kBlocked) {
        if (since < static_cast<std::int32_t>(quota.block_ticks_)) {
            return tick;
        }
        load_ = 0;
    }
    if (since <= 0) {
        return seen_;
    }
    seen_ = tick;
    if (since > kTicks) {
        groups_ = 0;
        return tick;
    }
    while (groups_ > 0 && later_by(low(tick), stamps_[0]) >= kTicks) {
        drop(quota, 0);
    }
    return tick;
}

// A whole group: the first, the last, or any where all hold one.
void Window::drop(const Quota& quota, std::size_t group) {
    std::copy(stamps_.begin() + static_cast<std::ptrdiff_t>(group) + 1, stamps_.begin() + groups_,
              stamps_.begin() + static_cast<std::ptrdiff_t>(group));
    const bool last = group + 1 == groups_;
    --groups_;
    if (last && groups_ > 0) {
        newest_ = groups_ == 1 ? oldest_ : static_cast<std::uint16_t>(quota.group_);
    } else {
        oldest_ = static_cast<std::uint16_t>(quota.group_);
    }
}

void Window::add(const Quota& quota, std::uint32_t tick) {
    if (groups_ == 0 || newest_ == quota.group_) {
        if (groups_ == 1) {
            oldest_ = newest_;
        }
        ++groups_;
        newest_ = 0;
    }
    ++newest_;
    stamps_[groups_ - 1U] = low(tick + 1);
}

void Window::note(const Quota& quota, Instant now) {
    const std::int64_t stays =
        std::max<std::int64_t>(kTicks + 2, load_ == kBlocked ? quota.block_ticks_ + 1 : 0);
    const std::int64_t end = (ns_of(now) + stays * quota.tick_ns_) / kSecond + 1;
    until_s_ = std::max(until_s_, static_cast<std::uint32_t>(end));
    if (load_ != kBlocked) {
        load_ =
            static_cast<std::uint8_t>(std::uint64_t{used(quota)} * (kBlocked - 1) / quota.limit_);
    }
}

Outcome Window::outcome(const Quota& quota, Instant now) const {
    const std::int64_t ns = ns_of(now);
    const auto tick = static_cast<std::uint32_t>(ns / quota.tick_ns_);
    const auto until = [&](std::int64_t ticks) {
        return std::chrono::nanoseconds(
            std::max<std::int64_t>(ticks * quota.tick_ns_ - ns % quota.tick_ns_, 0));
    };
    Outcome out;
    out.limit = quota.limit_;
    const std::uint32_t count = used(quota);
    out.remaining = quota.limit_ > count ? quota.limit_ - count : 0;
    if (groups_ > 0) {
        out.reset = until(later_by(stamps_[groups_ - 1U], low(tick)) + kTicks);
        if (out.remaining == 0) {
            out.retry_after = until(later_by(stamps_[0], low(tick)) + kTicks);
        }
    }
    if (load_ == kBlocked) {
        const auto left = until(static_cast<std::int32_t>(seen_ - tick) +
                                static_cast<std::int64_t>(quota.block_ticks_));
        out.remaining = 0;
        out.retry_after = std::max<Instant::duration>(out.retry_after, left);
        out.reset = std::max<Instant::duration>(out.reset, left);
    }
    return out;
}

Outcome Window::take(const Quota& quota, Instant now) {
    const std::uint32_t tick = advance(quota, now);
    bool admitted = false;
    bool block_began = false;
    if (load_ != kBlocked) {
        admitted = used(quota) < quota.limit_;
        if (admitted) {
            add(quota, tick);
        } else if (quota.block_ticks_ > 0) {
            block_began = true;
            load_ = kBlocked;
            seen_ = tick;
        }
        note(quota, now);
    }
    Outcome out = outcome(quota, now);
    out.admitted = admitted;
    out.blocked = load_ == kBlocked;
    out.block_began = block_began;
    return out;
}

Outcome Window::look(const Quota& quota, Instant now) const {
    Window copy = *this;
    return copy.take(quota, now);
}

bool Window::count(const Quota& quota, Instant now) {
    const std::uint32_t tick = advance(quota, now);
    if (load_ == kBlocked || used(quota) >= quota.limit_) {
        return false;
    }
    add(quota, tick);
    note(quota, now);
    return true;
}

void Window::put(const Quota& quota, Instant now) {
    const std::uint32_t tick = advance(quota, now);
    if (load_ == kBlocked) {
        return;
    }
    if (used(quota) >= quota.limit_) {
        drop(quota, 0);
    }
    add(quota, tick);
    note(quota, now);
}

void Window::block_for(const Quota& quota, Instant::duration rest, Instant now) {
    const std::uint32_t tick = advance(quota, now);
    if (quota.block_ticks_ == 0 || load_ == kBlocked) {
        return;
    }
    const std::int64_t ticks =
        std::chrono::duration_cast<std::chrono::nanoseconds>(rest).count() / quota.tick_ns_ + 2;
    load_ = kBlocked;
    // As if it had begun here when it began there.
    seen_ = tick - (quota.block_ticks_ - static_cast<std::uint32_t>(std::clamp<std::int64_t>(
                                             ticks, 1, quota.block_ticks_)));
    note(quota, now);
}

Instant::duration Window::until_free(const Quota& quota, std::uint32_t count, Instant now) const {
    Window rest = *this;
    rest.advance(quota, now);
    Instant::duration wait{0};
    while (rest.groups_ > 0 && rest.used(quota) >= count) {
        const std::int64_t ticks =
            later_by(rest.stamps_[0], low(static_cast<std::uint32_t>(ns_of(now) / quota.tick_ns_)));
        wait = std::chrono::nanoseconds((ticks + kTicks) * quota.tick_ns_ -
                                        ns_of(now) % quota.tick_ns_);
        rest.drop(quota, 0);
    }
    return wait;
}

void Window::give_back(const Quota& quota, Instant taken, Instant now) {
    const std::uint32_t tick = advance(quota, now);
    const auto stamp = static_cast<std::uint32_t>(ns_of(taken) / quota.tick_ns_) + 1;
    if (groups_ == 0 || static_cast<std::int32_t>(tick - stamp) >= kTicks) {
        return;
    }
    if (quota.group_ == 1) {
        for (std::size_t i = 0; i < groups_; ++i) {
            if (later_by(stamps_[i], low(stamp)) >= 0) {
                drop(quota, i);
                break;
            }
        }
    } else if (groups_ == 1 || later_by(low(stamp), stamps_[groups_ - 2U]) > 0) {
        if (--newest_ == 0) {
            drop(quota, groups_ - 1U);
        }
        // It is in a group that is closed, of which no size is kept: the oldest gives one instead,
        // as if each group between had passed one down. That keeps times, and is never too little.
    } else if (--oldest_ == 0) {
        drop(quota, 0);
    }
    note(quota, now);
}

}  // namespace gw::limits
