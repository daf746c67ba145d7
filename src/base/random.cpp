#include "base/random.hpp"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/ensure.hpp"

namespace gw {
namespace {

// Spreads one seed over a whole state; its output is never all zero.
std::uint64_t split_mix(std::uint64_t& seed) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// The eight digits of `value` as eight characters, the first in the lowest byte. All at once: ids
// are written for every request.
std::uint64_t hex_digits(std::uint32_t value) {
    std::uint64_t x = std::byteswap(value);
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    // A byte's two digits are neighbours, its upper half first.
    x = (x >> 4 | x << 8) & 0x0f0f0f0f0f0f0f0f;
    const std::uint64_t letters = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
    return x + 0x3030303030303030 + letters * ('a' - '0' - 10);
}

void write_hex8(char* out, std::uint32_t value) {
    std::uint64_t digits = hex_digits(value);
    if constexpr (std::endian::native == std::endian::big) {
        digits = std::byteswap(digits);
    }
    std::memcpy(out, &digits, sizeof digits);
}

void write_hex16(char* out, std::uint64_t value) {
    write_hex8(out, static_cast<std::uint32_t>(value >> 32));
    write_hex8(out + 8, static_cast<std::uint32_t>(value));
}

}  // namespace

Random::Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
        word = split_mix(seed);
    }
}

std::uint64_t Random::fresh_seed() {
    std::uint64_t seed = 0;
    ensure(::getrandom(&seed, sizeof seed, 0) == sizeof seed, "the kernel gives no random bytes");
    return seed;
}

std::uint64_t Random::next() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
    return next() % bound;
}

void Random::uuid(std::array<char, 36>& out) {
    const std::uint64_t high = (next() & ~std::uint64_t{0xf000}) | 0x4000;
    const std::uint64_t low = (next() & ~(std::uint64_t{3} << 62)) | (std::uint64_t{1} << 63);
    std::array<char, 32> digits;
    write_hex16(digits.data(), high);
    write_hex16(digits.data() + 16, low);
    // Groups of 8, 4, 4, 4 and 12.
    std::memcpy(out.data(), digits.data(), 8);
    std::memcpy(out.data() + 9, digits.data() + 8, 4);
    std::memcpy(out.data() + 14, digits.data() + 12, 4);
    std::memcpy(out.data() + 19, digits.data() + 16, 4);
    std::memcpy(out.data() + 24, digits.data() + 20, 12);
    for (const std::size_t at : {8U, 13U, 18U, 23U}) {
        out[at] = '-';
    }
}

void Random::hex(char* out, std::size_t bytes) {
    for (; bytes >= 8; bytes -= 8) {
        write_hex16(out, next() | (std::uint64_t{1} << 63));
        out += 16;
    }
    if (bytes > 0) {
        std::array<char, 16> digits;
        write_hex16(digits.data(), next() | (std::uint64_t{1} << 63));
        std::copy_n(digits.data(), 2 * bytes, out);
    }
}

}  // namespace gw
