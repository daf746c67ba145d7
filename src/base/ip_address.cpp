#include "base/ip_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.hpp"

namespace gw {

namespace {

constexpr std::size_t kGroups = 8;
using Groups = std::array<std::uint16_t, kGroups>;

// A decimal number of 0 to `max` without leading zeros: some readers take those for octal.
std::optional<unsigned> canonical_number(std::string_view text, unsigned max) {
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    const std::optional<std::uint64_t> number = parse_decimal(text);
    if (!number || *number > max) {
        return std::nullopt;
    }
    return static_cast<unsigned>(*number);
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
    std::array<std::uint8_t, 4> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t dot = i + 1 < bytes.size() ? text.find('.') : text.size();
        if (dot == std::string_view::npos) {
            return std::nullopt;
        }
        const std::optional<unsigned> number = canonical_number(text.substr(0, dot), 255);
        if (!number) {
            return std::nullopt;
        }
        bytes[i] = static_cast<std::uint8_t>(*number);
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return bytes;
}

// Groups separated by colons; the last may be an IPv4 address if `v4_last`. False if malformed or
// too many.
bool parse_groups(std::string_view text, bool v4_last, Groups& groups, std::size_t& count) {
    count = 0;
    while (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        const bool last = colon == std::string_view::npos;
        if (last && v4_last && group.find('.') != std::string_view::npos) {
            const auto v4 = parse_v4(group);
            if (!v4 || count + 2 > kGroups) {
                return false;
            }
            groups[count++] = static_cast<std::uint16_t>((*v4)[0] << 8 | (*v4)[1]);
            groups[count++] = static_cast<std::uint16_t>((*v4)[2] << 8 | (*v4)[3]);
            return true;
        }
        const std::optional<std::uint64_t> number = parse_hex(group);
        if (!number || group.size() > 4 || count == kGroups) {
            return false;
        }
        groups[count++] = static_cast<std::uint16_t>(*number);
        if (last) {
            return true;
        }
        text.remove_prefix(colon + 1);
        if (text.empty()) {
            return false;  // a single colon at the end
        }
    }
    return true;
}

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
    Groups groups{};
    std::size_t count = 0;
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        if (!parse_groups(text, true, groups, count) || count != kGroups) {
            return std::nullopt;
        }
    } else {
        Groups tail{};
        std::size_t tail_count = 0;
        // "::" stands for at least one group (RFC 4291, 2.2).
        if (!parse_groups(text.substr(0, gap), false, groups, count) ||
            !parse_groups(text.substr(gap + 2), true, tail, tail_count) ||
            count + tail_count >= kGroups) {
            return std::nullopt;
        }
        std::copy_n(tail.begin(), tail_count,
                    groups.end() - static_cast<std::ptrdiff_t>(tail_count));
    }
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < kGroups; ++i) {
        bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
        bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xFF);
    }
    return bytes;
}

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
}

char* write_number(char* out, unsigned number, int base) {
    return std::to_chars(out, out + 4, number, base).ptr;
}

char* write_v4(char* out, const std::uint8_t* bytes) {
    for (std::size_t i = 0; i < 4; ++i) {
        if (i > 0) {
            *out++ = '.';
        }
        out = write_number(out, bytes[i], 10);
    }
    return out;
}

struct Run {
    std::size_t begin = kGroups;
    std::size_t size = 0;
};

// RFC 5952, 4.2: the first longest run of two or more zero groups becomes "::".
Run longest_zero_run(const Groups& groups) {
    Run best;
    for (std::size_t i = 0; i < kGroups; ++i) {
        std::size_t end = i;
        while (end < kGroups && groups[end] == 0) {
            ++end;
        }
        if (end - i >= 2 && end - i > best.size) {
            best = {i, end - i};
        }
        i = std::max(i, end);
    }
    return best;
}

char* write_v6(char* out, const std::array<std::uint8_t, 16>& bytes) {
    Groups groups{};
    for (std::size_t i = 0; i < kGroups; ++i) {
        groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    const Run gap = longest_zero_run(groups);
    for (std::size_t i = 0; i < kGroups; ++i) {
        if (i == gap.begin) {
            *out++ = ':';
            *out++ = ':';
            i += gap.size - 1;
            continue;
        }
        if (i > 0 && i != gap.begin + gap.size) {
            *out++ = ':';
        }
        out = write_number(out, groups[i], 16);
    }
    return out;
}

// The first `bits` of a and b are the same.
bool same_prefix(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
                 unsigned bits) {
    const std::size_t whole = bits / 8;
    if (std::memcmp(a.data(), b.data(), whole) != 0) {
        return false;
    }
    const unsigned rest = bits % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
    IpAddress address;
    std::ranges::copy(bytes, address.bytes_.begin());
    return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
    if (is_mapped(bytes)) {
        return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
    }
    IpAddress address;
    address.bytes_ = bytes;
    address.v4_ = false;
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.size() >= kTextMax) {
        return std::nullopt;
    }
    if (text.find(':') == std::string_view::npos) {
        const auto bytes = parse_v4(text);
        return bytes ? std::optional{v4(*bytes)} : std::nullopt;
    }
    const auto bytes = parse_v6(text);
    return bytes ? std::optional{v6(*bytes)} : std::nullopt;
}

std::size_t IpAddress::write(char* out) const {
    const char* const end = v4_ ? write_v4(out, bytes_.data()) : write_v6(out, bytes_);
    return static_cast<std::size_t>(end - out);
}

std::string IpAddress::to_string() const {
    char text[kTextMax];
    return {text, write(text)};
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view address = text.substr(0, slash);
    const std::optional<IpAddress> base = IpAddress::parse(address);
    if (!base) {
        return std::nullopt;
    }
    // A mapped address is written with 128 bits and kept with 32.
    const bool written_v6 = address.find(':') != std::string_view::npos;
    const unsigned width = written_v6 ? 128 : 32;
    unsigned bits = width;
    if (slash != std::string_view::npos) {
        const std::optional<unsigned> given = canonical_number(text.substr(slash + 1), width);
        if (!given) {
            return std::nullopt;
        }
        bits = *given;
    }
    if (written_v6 && base->is_v4()) {
        if (bits < 96) {
            return std::nullopt;  // neither a block of IPv4 nor one of IPv6 addresses
        }
        bits -= 96;
    }
    // Bits behind the prefix mean nothing; without them equal blocks are equal values.
    std::array<std::uint8_t, 16> bytes = base->bytes();
    const std::size_t address_bytes = base->is_v4() ? 4 : 16;
    for (std::size_t i = 0; i < address_bytes; ++i) {
        const std::size_t kept = std::clamp<std::size_t>(bits > 8 * i ? bits - 8 * i : 0, 0, 8);
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xFF00U >> kept));
    }
    const IpAddress masked = base->is_v4() ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]})
                                           : IpAddress::v6(bytes);
    return Cidr{masked, bits};
}

bool Cidr::contains(const IpAddress& address) const {
    return address.is_v4() == base.is_v4() && same_prefix(address.bytes(), base.bytes(), bits);
}

}  // namespace gw
