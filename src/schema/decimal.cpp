#include "schema/decimal.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::schema {
namespace {

using Wide = unsigned __int128;

// Exponents beyond are as good as infinite: no text is long enough to tell the difference.
constexpr std::int64_t kExponentMax = 1'000'000'000'000;

std::uint64_t power_of_ten(std::uint64_t exponent, std::uint64_t modulus) {
    Wide result = 1 % modulus;
    Wide base = 10 % modulus;
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0) {
            result = result * base % modulus;
        }
        base = base * base % modulus;
    }
    return static_cast<std::uint64_t>(result);
}

}  // namespace

Decimal::Decimal(std::string_view text) {
    if (text.starts_with('-')) {
        negative_ = true;
        text.remove_prefix(1);
    }
    std::size_t at = 0;
    bool fraction = false;
    for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
        if (text[at] == '.') {
            fraction = true;
            continue;
        }
        if (!digits_.empty() || text[at] != '0') {
            digits_ += text[at];
        }
        exponent_ -= fraction ? 1 : 0;
    }
    if (at < text.size()) {
        std::string_view power = text.substr(at + 1);
        const bool down = power.starts_with('-');
        if (down || power.starts_with('+')) {
            power.remove_prefix(1);
        }
        std::int64_t size = 0;
        for (const char c : power) {
            size = std::min(kExponentMax, size * 10 + (c - '0'));
        }
        exponent_ += down ? -size : size;
    }
    while (!digits_.empty() && digits_.back() == '0') {
        digits_.pop_back();
        ++exponent_;
    }
    if (digits_.empty()) {
        negative_ = false;
        exponent_ = 0;
    }
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
    const auto sign = [](const Decimal& d) { return d.is_zero() ? 0 : d.negative_ ? -1 : 1; };
    if (sign(a) != sign(b) || a.is_zero()) {
        return sign(a) <=> sign(b);
    }
    const auto size = [](const Decimal& d) {
        return static_cast<std::int64_t>(d.digits_.size()) + d.exponent_;
    };
    // Digits have no zeros at their ends, so that their texts compare as they are.
    const std::strong_ordering order =
        size(a) != size(b) ? size(a) <=> size(b) : a.digits_ <=> b.digits_;
    return a.negative_ ? 0 <=> order : order;
}

std::optional<std::uint64_t> Decimal::whole() const {
    if (negative_ || !fits_int(33)) {
        return std::nullopt;
    }
    std::uint64_t number = 0;
    for (const char c : digits_) {
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    for (std::int64_t i = 0; i < exponent_ && number > 0; ++i) {
        number *= 10;
    }
    return number;
}

bool Decimal::fits_int(unsigned bits) const {
    if (!is_integer() || static_cast<std::int64_t>(digits_.size()) + exponent_ > 19) {
        return is_zero();
    }
    Wide size = 0;
    for (const char c : digits_) {
        size = size * 10 + static_cast<unsigned>(c - '0');
    }
    for (std::int64_t i = 0; i < exponent_; ++i) {
        size *= 10;
    }
    const Wide most = Wide{1} << (bits - 1);
    return negative_ ? size <= most : size < most;
}

bool Decimal::is_multiple_of(const Decimal& divisor) const {
    if (is_zero()) {
        return true;
    }
    if (exponent_ < divisor.exponent_) {
        return false;  // a multiple would end in zeros
    }
    std::uint64_t modulus = 0;
    for (const char c : divisor.digits_) {
        modulus = modulus * 10 + static_cast<std::uint64_t>(c - '0');
    }
    Wide rest = 0;
    for (const char c : digits_) {
        rest = (rest * 10 + static_cast<unsigned>(c - '0')) % modulus;
    }
    return rest * power_of_ten(static_cast<std::uint64_t>(exponent_ - divisor.exponent_), modulus) %
               modulus ==
           0;
}

}  // namespace gw::schema
