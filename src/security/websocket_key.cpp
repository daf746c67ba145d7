#include "security/websocket_key.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ensure.hpp"
#include "base/text.hpp"

namespace gw::security {

bool is_websocket_key(std::string_view key) {
    constexpr std::size_t kKeySize = 24;
    // Four bits of the last of 22 digits are no part of the 16 bytes.
    constexpr std::string_view kLastDigits = "AQgw";
    return key.size() == kKeySize && key.ends_with("==") && kLastDigits.contains(key[21]) &&
           std::ranges::all_of(key.substr(0, 22), [](char c) {
               return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '+' || c == '/';
           });
}

std::string make_websocket_key(std::uint64_t high, std::uint64_t low) {
    std::array<unsigned char, 16> bytes{};
    std::memcpy(bytes.data(), &high, sizeof high);
    std::memcpy(bytes.data() + sizeof high, &low, sizeof low);
    std::array<unsigned char, 25> base64{};
    const int size = EVP_EncodeBlock(base64.data(), bytes.data(), bytes.size());
    return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

std::string websocket_accept(std::string_view key) {
    constexpr std::string_view kOfTheProtocol = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    constexpr std::size_t kDigestSize = 20;
    constexpr std::size_t kTextSize = 28;
    const std::string text = std::string(key) + std::string(kOfTheProtocol);
    std::array<unsigned char, kDigestSize> digest{};
    unsigned size = 0;
    ensure(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1 &&
               size == kDigestSize,
           "SHA-1 is there");
    std::array<unsigned char, kTextSize + 1> base64{};
    EVP_EncodeBlock(base64.data(), digest.data(), kDigestSize);
    return {reinterpret_cast<const char*>(base64.data()), kTextSize};
}

}  // namespace gw::security
