#include "identity/token_cache.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/random.hpp"

namespace gw::identity {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t read8(const char* at) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
}

}  // namespace

std::uint64_t TokenCache::fresh_seed() {
    Random random(Random::fresh_seed());
    std::array<char, 16> digits{};
    random.hex(digits.data(), 8);
    return read8(digits.data()) * 0x9E3779B97F4A7C15 ^ read8(digits.data() + 8);
}

// Multiply and fold, 16 bytes a step, over a seed that strangers do not know. Of the end only: that
// is the signature, and no two tokens that were verified have the same. Only a filter: a hit is
// compared byte by byte.
std::uint64_t TokenCache::hash_of(std::string_view token) const {
    constexpr std::size_t kEnd = 32;
    std::array<char, kEnd> end{};
    const std::size_t taken = std::min(token.size(), kEnd);
    std::memcpy(end.data(), token.data() + token.size() - taken, taken);
    const std::uint64_t half =
        mix(read8(end.data()) ^ seed_, read8(end.data() + 8) ^ 0xA0761D6478BD642F);
    return mix(read8(end.data() + 16) ^ half ^ token.size(),
               read8(end.data() + 24) ^ 0xE7037ED1A0B428DB);
}

std::shared_ptr<const Identity> TokenCache::find(std::string_view token, WallTime now) const {
    const auto found = found_.find(hash_of(token));
    if (found == found_.end()) {
        return nullptr;
    }
    const Entry& entry = *ring_[found->second];
    return entry.until > now && entry.token == token ? entry.identity : nullptr;
}

std::shared_ptr<const Identity> TokenCache::keep(std::string_view token, Identity identity,
                                                 WallTime until) {
    auto shared = std::make_shared<const Identity>(std::move(identity));
    if (most_ == 0) {
        return shared;
    }
    const std::uint64_t hash = hash_of(token);
    if (ring_.size() < most_) {
        next_ = ring_.size();
        ring_.push_back(std::make_unique<Entry>());
    } else {
        next_ = (next_ + 1) % ring_.size();
        // Unless a later token of the same hash has taken the place.
        const auto old = found_.find(ring_[next_]->hash);
        if (old != found_.end() && old->second == next_) {
            found_.erase(old);
        }
    }
    *ring_[next_] = {std::string(token), shared, until, hash};
    found_[hash] = next_;
    return shared;
}

void TokenCache::clear() {
    found_.clear();
    ring_.clear();
    next_ = 0;
}

void TokenCache::set_most(std::size_t most) {
    if (most < ring_.size()) {
        clear();
    }
    most_ = most;
}

}  // namespace gw::identity
