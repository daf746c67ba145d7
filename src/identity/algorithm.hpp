// The signature algorithms of JWS that are accepted (RFC 7518 section 3.1, RFC 8037 section 3.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::identity {

enum class Algorithm : std::uint8_t {
    hs256,
    hs384,
    hs512,
    rs256,
    rs384,
    rs512,
    ps256,
    ps384,
    ps512,
    es256,
    es384,
    es512,
    eddsa,
};

// By its exact name; "none" and all others are nothing.
std::optional<Algorithm> algorithm_named(std::string_view name);

}  // namespace gw::identity
