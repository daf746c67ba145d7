#include "net/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace gw::net {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kName1 = "PROXY ";
constexpr std::string_view kName2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kLineMax = 107;  // of version 1, as its description has it
constexpr std::size_t kFixed = 16;     // of version 2: what stands before the addresses

ProxyHeader broken(const char* detail) {
    return {.state = State::broken, .size = 0, .client = {}, .detail = detail};
}

// The text up to the next space, which is taken as well; nothing if there is none, or no text.
std::optional<std::string_view> take_word(std::string_view& line) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0) {
        return std::nullopt;
    }
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(space + 1);
    return word;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() ||
        (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    return port;
}

// What stands behind TCP4 or TCP6: two addresses and two ports, with one space between.
std::optional<Address> addresses_of(std::string_view line, bool v6) {
    const auto source = take_word(line);
    const auto destination = source ? take_word(line) : std::nullopt;
    const auto source_port = destination ? take_word(line) : std::nullopt;
    if (!source_port) {
        return std::nullopt;
    }
    const auto in_family = [v6](std::string_view text) {
        return (text.find(':') != std::string_view::npos) == v6 ? IpAddress::parse(text)
                                                                : std::nullopt;
    };
    const auto ip = in_family(*source);
    const auto port = port_of(*source_port);
    if (!ip || !port || !in_family(*destination) || !port_of(line)) {
        return std::nullopt;
    }
    return Address{*ip, *port};
}

ProxyHeader parse_version_1(std::string_view bytes) {
    const std::string_view text = bytes.substr(0, kLineMax);
    const std::size_t end = text.find('\r');
    if (end == std::string_view::npos || end + 1 == text.size()) {
        return text.size() < kLineMax ? ProxyHeader{} : broken("a PROXY line without an end");
    }
    if (text[end + 1] != '\n') {
        return broken("a PROXY line that does not end in CR LF");
    }
    std::string_view line = text.substr(kName1.size(), end - kName1.size());
    ProxyHeader header{.state = State::complete, .size = end + 2, .client = {}, .detail = ""};
    // Whatever else it says then is not to be looked at.
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {
        return header;
    }
    const auto family = take_word(line);
    if (!family || (*family != "TCP4" && *family != "TCP6")) {
        return broken("a PROXY line of an unknown family");
    }
    header.client = addresses_of(line, *family == "TCP6");
    return header.client ? header : broken("a PROXY line with malformed addresses");
}

std::uint32_t number(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char c : bytes) {
        value = value << 8 | static_cast<std::uint8_t>(c);
    }
    return value;
}

// Castagnoli's, bit by bit: headers are short, and one a connection.
std::uint32_t crc32c(std::string_view bytes, std::size_t zeros_at) {
    constexpr std::uint32_t kPolynomial = 0x82F6'3B78;
    std::uint32_t crc = ~std::uint32_t{0};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool counts_as_zero = i >= zeros_at && i < zeros_at + 4;
        crc ^= counts_as_zero ? 0 : static_cast<std::uint8_t>(bytes[i]);
        for (int bit = 0; bit < 8; ++bit) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
        }
    }
    return ~crc;
}

// Type, length, value, one behind the other to the end. whole: the header; at: where they begin.
const char* flaw_of_tlvs(std::string_view whole, std::size_t at) {
    constexpr std::uint8_t kCrc32c = 3;
    constexpr std::size_t kTlvHead = 3;
    while (at < whole.size()) {
        if (whole.size() - at < kTlvHead) {
            return "a PROXY header with a TLV cut short";
        }
        const std::size_t length = number(whole.substr(at + 1, 2));
        const auto type = static_cast<std::uint8_t>(whole[at]);
        at += kTlvHead;
        if (length > whole.size() - at) {
            return "a PROXY header with a TLV cut short";
        }
        if (type == kCrc32c && (length != 4 || number(whole.substr(at, 4)) != crc32c(whole, at))) {
            return "a PROXY header with a wrong checksum";
        }
        at += length;
    }
    return nullptr;
}

template <std::size_t N>
std::array<std::uint8_t, N> bytes_at(std::string_view text, std::size_t at) {
    std::array<std::uint8_t, N> out{};
    std::ranges::copy(text.substr(at, N), out.begin());
    return out;
}

ProxyHeader parse_version_2(std::string_view bytes) {
    if (bytes.size() < kFixed) {
        return {};
    }
    const auto command = static_cast<std::uint8_t>(bytes[12]);
    const auto family = static_cast<std::uint8_t>(bytes[13]);
    const std::size_t length = number(bytes.substr(14, 2));
    constexpr std::uint8_t kLocal = 0x20;
    constexpr std::uint8_t kProxied = 0x21;
    if (command != kLocal && command != kProxied) {
        return broken("a PROXY header of an unknown version or command");
    }
    if (kFixed + length > kProxyHeaderMax) {
        return broken("a PROXY header that is too long");
    }
    if (bytes.size() < kFixed + length) {
        return {};
    }
    const std::string_view whole = bytes.substr(0, kFixed + length);
    ProxyHeader header{.state = State::complete, .size = whole.size(), .client = {}, .detail = ""};
    if (command == kLocal) {
        return header;  // its rest says nothing
    }
    constexpr std::uint8_t kTcp4 = 0x11;
    constexpr std::uint8_t kTcp6 = 0x21;
    constexpr std::size_t kAddresses4 = 12;
    constexpr std::size_t kAddresses6 = 36;
    std::size_t addresses = 0;
    if (family == kTcp4 && length >= kAddresses4) {
        header.client = {IpAddress::v4(bytes_at<4>(whole, kFixed)),
                         static_cast<std::uint16_t>(number(whole.substr(kFixed + 8, 2)))};
        addresses = kAddresses4;
    } else if (family == kTcp6 && length >= kAddresses6) {
        header.client = {IpAddress::v6(bytes_at<16>(whole, kFixed)),
                         static_cast<std::uint16_t>(number(whole.substr(kFixed + 32, 2)))};
        addresses = kAddresses6;
    } else if (family != 0) {
        // Datagrams and UNIX sockets do not reach a TCP listener.
        return broken("a PROXY header of a family that is not TCP over IP");
    }
    if (const char* const flaw = flaw_of_tlvs(whole, kFixed + addresses)) {
        return broken(flaw);
    }
    return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
    for (const std::string_view name : {kName1, kName2}) {
        const std::size_t common = std::min(bytes.size(), name.size());
        if (bytes.substr(0, common) != name.substr(0, common)) {
            continue;
        }
        if (common < name.size()) {
            return {};
        }
        return name == kName1 ? parse_version_1(bytes) : parse_version_2(bytes);
    }
    return {.state = State::absent, .size = 0, .client = {}, .detail = ""};
}

}  // namespace gw::net
