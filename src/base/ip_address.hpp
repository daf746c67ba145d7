// IP addresses and CIDR blocks (RFC 4291, RFC 4632). One canonical value per address: an
// IPv4-mapped IPv6 address is the IPv4 address. Plain values; any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw {

class IpAddress {
  public:
    IpAddress() = default;
    static IpAddress v4(std::array<std::uint8_t, 4> bytes);
    static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);  // mapped addresses become IPv4
    // Strict text forms only: dotted quad without leading zeros, RFC 4291 2.2 for IPv6; no zone,
    // port, brackets.
    static std::optional<IpAddress> parse(std::string_view text);

    [[nodiscard]] bool is_v4() const { return v4_; }
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const {
        return bytes_;
    }  // IPv4: the first four
    [[nodiscard]] std::string to_string() const;  // RFC 5952
    // Writes to_string() into `out` (at least kTextMax bytes) without allocating; returns the
    // length.
    static constexpr std::size_t kTextMax = 46;
    std::size_t write(char* out) const;

    auto operator<=>(const IpAddress&) const = default;

  private:
    std::array<std::uint8_t, 16> bytes_{};
    bool v4_ = true;
};

struct Cidr {
    IpAddress base;
    unsigned bits = 0;  // of 32 or 128

    static std::optional<Cidr> parse(
        std::string_view text);  // "10.0.0.0/8", "::1/128", or a single address
    [[nodiscard]] bool contains(const IpAddress& address) const;
};

}  // namespace gw
