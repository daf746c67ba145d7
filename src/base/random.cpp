#include "base/random.hpp"

#include <sys/random.h>

#include <bit>

#include "base/ensure.hpp"

namespace gw {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// Spreads one seed over a whole state; its output is never all zero.
std::uint64_t split_mix(std::uint64_t& seed) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void write_hex(char* out, std::uint64_t value, std::size_t digits) {
    for (std::size_t i = 0; i < digits; ++i) {
        out[i] = kDigits[(value >> (60 - 4 * i)) & 15];
    }
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
    char* at = out.data();
    write_hex(at, high, 8);
    at[8] = '-';
    write_hex(at + 9, high << 32, 4);
    at[13] = '-';
    write_hex(at + 14, high << 48, 4);
    at[18] = '-';
    write_hex(at + 19, low, 4);
    at[23] = '-';
    write_hex(at + 24, low << 16, 12);
}

void Random::hex(char* out, std::size_t bytes) {
    while (bytes > 0) {
        const std::size_t part = bytes < 8 ? bytes : 8;
        write_hex(out, next() | (std::uint64_t{1} << 63), 2 * part);
        out += 2 * part;
        bytes -= part;
    }
}

}  // namespace gw
