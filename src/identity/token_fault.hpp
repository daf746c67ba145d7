// Why a token is not accepted. The names are labels of metrics.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gw::identity {

enum class TokenFault : std::uint8_t {
    missing,
    malformed,       // no compact JWS of three parts, or no strict JSON in them
    algorithm,       // none, unknown, or not one of the key's
    unknown_key,     // no key of that name, or none at all fits
    signature,       // does not verify
    expired,         // now is at or after `exp` and the leeway
    not_yet_valid,   // `nbf` or `iat` lies ahead by more than the leeway
    issuer,          // `iss` is not ours
    audience,        // `aud` does not name us
    type,            // not an access token
    claims,          // a claim is missing, or not of the kind it must be
    too_long_lived,  // `exp` - `iat` is longer than allowed
    revoked,
    api_key,
};

inline constexpr std::array<std::string_view, 14> kTokenFaults{
    "missing", "malformed",      "algorithm", "unknown_key", "signature",
    "expired", "not_yet_valid",  "issuer",    "audience",    "type",
    "claims",  "too_long_lived", "revoked",   "api_key"};

constexpr std::string_view fault_name(TokenFault fault) {
    return kTokenFaults[static_cast<std::size_t>(fault)];
}

}  // namespace gw::identity
