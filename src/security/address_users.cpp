#include "security/address_users.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "security/failed_logins.hpp"

namespace gw::security {
namespace {

std::int64_t half_number(Instant at, Millis half) {
    return at.time_since_epoch() / half;
}

}  // namespace

std::size_t AddressUsers::Hash::operator()(const IpAddress& address) const {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, address.bytes().data(), sizeof high);
    std::memcpy(&low, address.bytes().data() + sizeof high, sizeof low);
    std::uint64_t value = (high ^ seed) * 0xFF51AFD7ED558CCDULL ^ low;
    value = (value ^ (value >> 32)) * 0xC4CEB9FE1A85EC53ULL;
    return value ^ (value >> 32);
}

std::uint64_t AddressUsers::hash(const IpAddress& address) const {
    return halves_[0].hash_function()(login_block(address));
}

void AddressUsers::turn(std::int64_t number) {
    if (number == number_) {
        return;
    }
    if (number == number_ + 1) {
        std::swap(halves_[0], halves_[1]);
    } else {
        halves_[1].clear();
    }
    halves_[0].clear();
    number_ = number;
}

void AddressUsers::seen(const IpAddress& address, std::uint64_t user, Instant now) {
    turn(half_number(now, kHalf));
    Half& half = halves_[0];
    const IpAddress block = login_block(address);
    auto found = half.find(block);
    if (found == half.end()) {
        if (half.size() >= kAddressesMax) {
            return;
        }
        found = half.emplace(block, Bits{}).first;
    }
    const std::uint64_t bit = user & 255;
    found->second[bit / 64] |= std::uint64_t{1} << bit % 64;
}

std::uint32_t AddressUsers::count(const IpAddress& address, Instant now) const {
    const IpAddress block = login_block(address);
    Bits all{};
    for (std::size_t i = 0; i < halves_.size(); ++i) {
        const std::int64_t age = half_number(now, kHalf) - (number_ - static_cast<std::int64_t>(i));
        const auto found = halves_[i].find(block);
        if (age > 1 || found == halves_[i].end()) {
            continue;
        }
        for (std::size_t word = 0; word < all.size(); ++word) {
            all[word] |= found->second[word];
        }
    }
    unsigned set = 0;
    for (const std::uint64_t word : all) {
        set += static_cast<unsigned>(std::popcount(word));
    }
    constexpr double kBits = 256;
    const double empty = std::max(1.0, kBits - set);
    return static_cast<std::uint32_t>(std::lround(kBits * std::log(kBits / empty)));
}

}  // namespace gw::security
