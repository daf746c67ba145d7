// How many different users an address carried in the last hour: whether it is one person's, or an
// office's or a provider's, whom a ban would hit together. Linear counting on 256 bits for each
// half-hour: right to within a tenth or so up to about 400. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/ip_address.hpp"

namespace gw::security {

class AddressUsers {
  public:
    // Addresses remembered in a half-hour, some 80 bytes each; later ones are not counted.
    static constexpr std::size_t kAddressesMax = 50'000;

    // seed: a number that strangers do not know.
    explicit AddressUsers(std::uint64_t seed) : halves_{Half(0, Hash{seed}), Half(0, Hash{seed})} {}

    // user: a hash, spread evenly. IPv6 counts by /64.
    void seen(const IpAddress& address, std::uint64_t user, Instant now);
    // Of the half-hour that runs and the one before it.
    [[nodiscard]] std::uint32_t count(const IpAddress& address, Instant now) const;

    // Of the block that counts as one.
    [[nodiscard]] std::uint64_t hash(const IpAddress& address) const;

  private:
    static constexpr Millis kHalf{1'800'000};
    using Bits = std::array<std::uint64_t, 4>;
    struct Hash {
        std::uint64_t seed = 0;
        std::size_t operator()(const IpAddress& address) const;
    };
    using Half = std::unordered_map<IpAddress, Bits, Hash>;

    void turn(std::int64_t number);
    std::int64_t number_ = 0;
    std::array<Half, 2> halves_;  // the one that runs first
};

}  // namespace gw::security
