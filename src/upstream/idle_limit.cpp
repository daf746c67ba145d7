#include "upstream/idle_limit.hpp"

#include <algorithm>

namespace gw::upstream {
namespace {

constexpr Instant::duration kMargin = Millis(100);

Instant::duration undercut(Instant::duration allowed) {
    return std::max(Instant::duration::zero(), std::min(allowed - allowed / 5, allowed - kMargin));
}

}  // namespace

void IdleLimit::closed_after(Instant::duration idle, Instant at) {
    if (idle < kShortest) {
        return;
    }
    const auto before = std::exchange(last_, idle);
    const Instant before_at = std::exchange(last_at_, at);
    if (!before || at - before_at < kShortest) {
        return;
    }
    const auto [shorter, longer] = std::minmax(*before, idle);
    if (longer - shorter > std::max(longer / 8, kMargin)) {
        return;
    }
    const bool fresh = learnt_ && at - learnt_at_ < kForgotten;
    learnt_ = fresh ? std::min(*learnt_, shorter) : shorter;
    learnt_at_ = at;
}

void IdleLimit::announced(std::chrono::seconds timeout) {
    announced_ = timeout;
}

Instant::duration IdleLimit::limit(Millis configured, Instant now) const {
    Instant::duration limit = configured;
    if (announced_) {
        limit = std::min(limit, undercut(*announced_));
    }
    if (learnt_ && now - learnt_at_ < kForgotten) {
        limit = std::min(limit, undercut(*learnt_));
    }
    return limit;
}

}  // namespace gw::upstream
