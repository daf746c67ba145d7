#include <algorithm>
#include <bit>
#include <cmath>

#include "security/auth_diagnosis.hpp"

namespace gw::security {

void FrequentKeys::add(std::uint64_t hash) {
    ++total_;
    const std::uint64_t bit = (hash * 0x9E3779B97F4A7C15ULL) >> 54;  // of 1,024
    seen_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    raise(hash, 1, 0);
}

void FrequentKeys::merge(const FrequentKeys& other) {
    total_ += other.total_;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
        seen_[i] |= other.seen_[i];
    }
    for (const Place& place : other.places_) {
        if (place.count > 0) {
            raise(place.hash, place.count, place.error);
        }
    }
}

void FrequentKeys::raise(std::uint64_t hash, std::uint64_t count, std::uint64_t error) {
    Place* least = places_.data();
    for (Place& place : places_) {
        if (place.count > 0 && place.hash == hash) {
            place.count += count;
            place.error += error;
            return;
        }
        least = place.count < least->count ? &place : least;
    }
    *least = {hash, least->count + count, least->count + error};
}

std::uint64_t FrequentKeys::top(std::size_t places) const {
    std::array<std::uint64_t, kPlaces> sure{};
    std::ranges::transform(places_, sure.begin(),
                           [](const Place& place) { return place.count - place.error; });
    std::ranges::sort(sure, std::ranges::greater{});
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < std::min(places, kPlaces); ++i) {
        sum += sure[i];
    }
    return sum;
}

std::uint64_t FrequentKeys::different() const {
    int set = 0;
    for (const std::uint64_t bits : seen_) {
        set += std::popcount(bits);
    }
    constexpr double kBits = 1'024;
    const double clear = std::max(kBits - set, 1.0);
    return static_cast<std::uint64_t>(std::lround(kBits * std::log(kBits / clear)));
}

}  // namespace gw::security
