#include "state/known_keeper.hpp"

#include <algorithm>

namespace gw::state {

KnownKeeper::KnownKeeper(net::Loop& loop, std::uint64_t seed, KnownStateListener listener)
    : loop_(loop), state_(loop.clock(), seed, completed(std::move(listener))) {}

KnownStateListener KnownKeeper::completed(KnownStateListener listener) {
    listener.changed = [this] { loop_.at_end_of_turn(publication_); };
    return listener;
}

void KnownKeeper::publish() {
    state_.publish_if_changed();
    arm();
}

void KnownKeeper::drop_expired() {
    state_.drop_expired(loop_.clock().wall);
    if (!state_.publish_if_changed()) {
        arm();
    }
}

void KnownKeeper::arm() {
    const WallTime next = state_.next_expiry();
    // Far ends are looked at again in between: the wall clock may be set.
    constexpr auto kLookAgain = std::chrono::hours(1);
    const auto wait =
        std::clamp<Instant::duration>(next - loop_.clock().wall, Millis(10), kLookAgain);
    loop_.timers().arm(cleaning_, next == WallTime::max() ? kNever : loop_.now() + wait);
}

}  // namespace gw::state
