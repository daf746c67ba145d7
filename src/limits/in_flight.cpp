#include "limits/in_flight.hpp"

#include "base/ensure.hpp"
#include "base/random.hpp"

namespace gw::limits {

InFlight::InFlight(std::uint64_t seed) {
    Random random(seed);
    secret_ = {random.next(), random.next()};
}

InFlight::Pass InFlight::enter(std::string_view key) {
    const std::uint64_t hash = key_hash(secret_, key);
    const std::scoped_lock lock(mutex_);
    ++held_[hash];
    return {*this, hash};
}

bool InFlight::any(std::string_view key) const {
    const std::uint64_t hash = key_hash(secret_, key);
    const std::scoped_lock lock(mutex_);
    return held_.contains(hash);
}

void InFlight::leave(std::uint64_t hash) {
    const std::scoped_lock lock(mutex_);
    const auto at = held_.find(hash);
    ensure(at != held_.end(), "a permit in flight is left once");
    if (--at->second == 0) {
        held_.erase(at);
    }
}

}  // namespace gw::limits
