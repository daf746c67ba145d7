#include "net/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gw::net {
namespace {

using State = ProxyHeader::State;

std::string version_2(std::uint8_t command, std::uint8_t family, const std::string& rest) {
    return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(command) +
           static_cast<char>(family) + static_cast<char>(rest.size() >> 8) +
           static_cast<char>(rest.size()) + rest;
}

const std::string kV4 = {'\xC0', '\0', '\2', '\1', 10, 0, 0, 1, '\x30', '\x39', '\1', '\xBB'};
const std::string kV6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\1' +
                        std::string(16, '\1') + std::string("\x30\x39\x01\xbb", 4);

std::string tlv(char type, const std::string& value) {
    return std::string{type, static_cast<char>(value.size() >> 8),
                       static_cast<char>(value.size())} +
           value;
}

std::string client_of(const std::string& bytes) {
    const ProxyHeader header = parse_proxy_header(bytes + "GET / HTTP/1.1\r\n");
    if (header.state != State::complete) {
        return header.state == State::broken ? "broken" : "none";
    }
    EXPECT_EQ(header.size, bytes.size());
    return header.client ? header.client->ip.to_string() + " " + std::to_string(header.client->port)
                         : "local";
}

TEST(ProxyHeader, SaysWhoTheClientIs) {
    EXPECT_EQ(client_of("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n"), "192.0.2.1 12345");
    EXPECT_EQ(client_of("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), "2001:db8::1 0");
    EXPECT_EQ(client_of("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1 1");
    EXPECT_EQ(client_of(version_2(0x21, 0x11, kV4)), "192.0.2.1 12345");
    EXPECT_EQ(client_of(version_2(0x21, 0x21, kV6)), "2001:db8::1 12345");
    EXPECT_EQ(client_of(version_2(0x21, 0x11, kV4 + tlv(2, "a.test") + tlv(4, ""))),
              "192.0.2.1 12345");
}

TEST(ProxyHeader, ConnectionsOfTheBalancerItselfAreItsOwn) {
    EXPECT_EQ(client_of("PROXY UNKNOWN\r\n"), "local");
    EXPECT_EQ(client_of("PROXY UNKNOWN whatever it says \1\r\n"), "local");
    EXPECT_EQ(client_of(version_2(0x20, 0, "")), "local");
    EXPECT_EQ(client_of(version_2(0x20, 0x77, "not looked at")), "local");
    EXPECT_EQ(client_of(version_2(0x21, 0, "")), "local");
}

TEST(ProxyHeader, AnythingElseIsNone) {
    for (const char* text : {"GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "PROXYX", "proxy TCP4 ",
                             "\x16\x03\x01", "\r\n\r\nGET", " PROXY "}) {
        EXPECT_EQ(parse_proxy_header(text).state, State::absent) << text;
    }
}

TEST(ProxyHeader, VersionOneIsReadInOneWayOnly) {
    for (const char* text : {"PROXY \r\n",
                             "PROXY TCP4\r\n",
                             "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
                             "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
                             "PROXY UNKNOWNS\r\n",
                             "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
                             "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
                             "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
                             "PROXY TCP4 ::1 1.2.3.4 1 2\r\n",
                             "PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
                             "PROXY TCP6 1.2.3.4 ::1 1 2\r\n",
                             "PROXY TCP6 ::1%lo ::1 1 2\r\n",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx",
                             "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n"}) {
        EXPECT_EQ(parse_proxy_header(text).state, State::broken) << text;
    }
    EXPECT_EQ(parse_proxy_header("PROXY " + std::string(101, 'x')).state, State::broken);
    EXPECT_EQ(parse_proxy_header("PROXY UNKNOWN" + std::string(92, ' ') + "\r\n").state,
              State::complete);
    EXPECT_EQ(parse_proxy_header("PROXY UNKNOWN" + std::string(93, ' ') + "\r\n").state,
              State::broken);
}

TEST(ProxyHeader, VersionTwoIsReadInOneWayOnly) {
    const std::string short6 = kV6.substr(0, 35);
    for (const std::string& bytes :
         {version_2(0x11, 0x11, kV4), version_2(0x22, 0x11, kV4), version_2(0x21, 0x12, kV4),
          version_2(0x21, 0x31, std::string(216, 'x')), version_2(0x21, 0x41, kV4),
          version_2(0x21, 0x11, kV4.substr(1)), version_2(0x21, 0x21, short6),
          version_2(0x21, 0x11, kV4 + "x"), version_2(0x21, 0x11, kV4 + std::string("\2\0\2x", 4)),
          version_2(0x21, 0x11, std::string(4081, 'x'))}) {
        EXPECT_EQ(parse_proxy_header(bytes).state, State::broken);
    }
}

TEST(ProxyHeader, AChecksumMustBeRight) {
    // Computed with another implementation over the header with zeros in its place.
    const auto with = [](const std::string& crc) {
        return version_2(0x21, 0x11, kV4 + tlv(3, crc));
    };
    const std::string good{"\x4C\x74\x47\xA8", 4};
    EXPECT_EQ(client_of(with(good)), "192.0.2.1 12345");
    EXPECT_EQ(client_of(with(std::string(4, '\0'))), "broken");
    EXPECT_EQ(client_of(with(good.substr(1))), "broken");
}

TEST(ProxyHeader, APartOfOneWaitsForTheRest) {
    for (const std::string& whole :
         {std::string("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n"), version_2(0x21, 0x21, kV6)}) {
        for (std::size_t cut = 0; cut < whole.size(); ++cut) {
            EXPECT_EQ(parse_proxy_header(whole.substr(0, cut)).state, State::incomplete) << cut;
        }
    }
}

}  // namespace
}  // namespace gw::net
