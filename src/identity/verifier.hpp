// Is this text a token of ours, and whose? JWS compact serialisation (RFC 7515, 7519) under the
// advice of RFC 8725.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "identity/identity.hpp"
#include "identity/key_set.hpp"
#include "identity/strict_json.hpp"
#include "identity/token_fault.hpp"

namespace gw::identity {

struct TokenChecks {
    std::string issuer;    // empty: any, as long as there is one
    std::string audience;  // empty: not looked at
    // A token is good while now < exp + leeway, and once now + leeway >= nbf and iat.
    std::chrono::seconds leeway{30};
    std::chrono::seconds longest_life{900};
    std::string type = "access";  // what the claim `type` must be; empty: it is not looked at
};

inline constexpr std::size_t kTokenBytesMax = 8UL * 1024;

// Costs a signature's verification (RS256: about 25 µs); see TokenCache. Any thread.
std::expected<Identity, TokenFault> verify(std::string_view token, const KeySet& keys,
                                           const TokenChecks& checks, WallTime now);

// The same of any token: what the issuer has signed, once its signature, iss, aud, type, exp, iat
// and nbf are good.
struct SignedClaims {
    JsonMembers claims;
    WallTime issued_at{};
    WallTime expires_at{};
};
std::expected<SignedClaims, TokenFault> verify_claims(std::string_view token, const KeySet& keys,
                                                      const TokenChecks& checks, WallTime now);

// Whose a token is that verify() refused with `fault` although its signature is good: its `sub`.
// "" for other faults, where nobody vouches for what it says.
std::string refused_subject(std::string_view token, TokenFault fault);

// Which claim of a token that verify() refused with `claims` is not as it must be; null: they are
// no claims at all.
const char* refused_claim(std::string_view token);

// May this text stand in header fields, log lines and keys of the store? 1 to 256 visible
// characters of ASCII.
bool is_name(std::string_view text);

}  // namespace gw::identity
