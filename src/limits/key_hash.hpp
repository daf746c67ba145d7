// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"): who does not know the
// secret finds no two keys with one hash, nor the place of one. Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "limits/window.hpp"

namespace gw::limits {

struct HashSecret {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};

namespace key_hash_detail {

struct SipState {
    std::uint64_t a, b, c, d;

    void round() {
        a += b;
        c += d;
        b = std::rotl(b, 13) ^ a;
        d = std::rotl(d, 16) ^ c;
        a = std::rotl(a, 32);
        c += b;
        a += d;
        b = std::rotl(b, 17) ^ c;
        d = std::rotl(d, 21) ^ a;
        c = std::rotl(c, 32);
    }
    void take(std::uint64_t word) {
        d ^= word;
        round();
        round();
        a ^= word;
    }
};

}  // namespace key_hash_detail

inline std::uint64_t key_hash(const HashSecret& secret, std::string_view key) {
    static_assert(std::endian::native == std::endian::little);
    key_hash_detail::SipState s{
        secret.first ^ 0x736F6D6570736575ULL, secret.second ^ 0x646F72616E646F6DULL,
        secret.first ^ 0x6C7967656E657261ULL, secret.second ^ 0x7465646279746573ULL};
    std::uint64_t word = 0;
    std::size_t at = 0;
    for (; at + 8 <= key.size(); at += 8) {
        std::memcpy(&word, key.data() + at, 8);
        s.take(word);
    }
    word = 0;
    if (at < key.size()) {
        std::memcpy(&word, key.data() + at, key.size() - at);
    }
    s.take(word | (std::uint64_t{key.size()} << 56));
    s.c ^= 0xFF;
    for (int i = 0; i < 4; ++i) {
        s.round();
    }
    return s.a ^ s.b ^ s.c ^ s.d;
}

// Of the key under that quota: under another one it is another key, and counts anew.
inline std::uint64_t key_hash(HashSecret secret, std::string_view key, const Quota& quota) {
    const auto mixed = [](std::uint64_t word) {
        word = (word ^ (word >> 32U)) * 0x9E3779B97F4A7C15ULL;
        return word ^ (word >> 29U);
    };
    const auto window = static_cast<std::uint64_t>(quota.window().count());
    const auto block = static_cast<std::uint64_t>(quota.block().count());
    secret.second ^= mixed(quota.limit() ^ mixed(window ^ mixed(block)));
    return key_hash(secret, key);
}

}  // namespace gw::limits
