// JSON's numbers, exactly: compared and divided by their digits, not as what a processor can hold.
// Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::schema {

// digits × 10^exponent. Digits have no zeros at either end; zero has none at all.
class Decimal {
  public:
    Decimal() = default;
    // text: a number of JSON (RFC 8259, 6).
    explicit Decimal(std::string_view text);

    [[nodiscard]] bool is_zero() const { return digits_.empty(); }
    [[nodiscard]] bool is_integer() const { return digits_.empty() || exponent_ >= 0; }
    // Nothing: it is no whole number from 0 to 2^32.
    [[nodiscard]] std::optional<std::uint64_t> whole() const;
    // Does an integer of that many bits hold it?
    [[nodiscard]] bool fits_int(unsigned bits) const;
    // Of a divisor: can is_multiple_of() take it? Above zero and of up to 18 digits.
    [[nodiscard]] bool divides() const { return !negative_ && !is_zero() && digits_.size() <= 18; }
    [[nodiscard]] bool is_multiple_of(const Decimal& divisor) const;

    friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
    friend bool operator==(const Decimal& a, const Decimal& b) = default;

  private:
    bool negative_ = false;
    std::string digits_;
    std::int64_t exponent_ = 0;
};

}  // namespace gw::schema
