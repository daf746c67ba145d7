// What became of a TLS handshake with a client.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gw::observe {

enum class Handshake : std::uint8_t {
    full,
    resumed,
    failed,     // no common ground, no TLS, or never finished
    unverified  // the client's certificate is not good, or there is none where one is asked for
};
inline constexpr std::array<std::string_view, 4> kHandshakes{"full", "resumed", "failed",
                                                             "unverified"};

}  // namespace gw::observe
