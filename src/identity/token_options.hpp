// What an operator may set about tokens: whose are accepted, and how they are checked.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "config/field.hpp"
#include "config/span_text.hpp"

namespace gw::identity {

// http://host[:port]/path
inline std::optional<config::Flaw> check_key_set_url(std::string_view text) {
    const std::size_t host = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
    const std::size_t path = host == 0 ? std::string_view::npos : text.find('/', host);
    if (path == std::string_view::npos || path == host ||
        text.find_first_of(" \t\"<>#\\") != std::string_view::npos) {
        return config::Flaw{"is " + config::quote(text),
                            "write the key set's URL: https://host:port/path"};
    }
    return std::nullopt;
}

// Long enough for an outage of the issuer, not for keys that it has taken back.
constexpr std::chrono::milliseconds kKeySetAgeMax = std::chrono::hours(24);
constexpr config::Range kKeySetAgeRange{0, 2'592'000'000};  // 30 days

struct TokenOptions {
    std::string issuer;
    std::string audience;
    std::string secret;
    std::string public_key;
    std::string public_key_previous;
    std::string key_set_url;
    std::string key_set_ca_file;
    std::chrono::milliseconds key_set_refresh{300'000};
    std::chrono::milliseconds key_set_age_max = kKeySetAgeMax;
    std::uint32_t clock_skew_s = 30;
    config::SpanText longest_life{std::chrono::seconds(900)};
    std::uint32_t cached_per_worker = 20'000;

    // Without one nobody could be let in.
    [[nodiscard]] bool has_keys() const {
        return !secret.empty() || !public_key.empty() || !public_key_previous.empty() ||
               !key_set_url.empty();
    }
};

template <class Visitor>
void fields(Visitor& field, TokenOptions& o) {
    using namespace config;
    field("issuer", o.issuer, Env{"JWT_ISSUER"},
          "what `iss` of a token must be; empty: any, which is warned of at start");
    field("audience", o.audience, Env{"JWT_AUDIENCE"},
          "what `aud` of a token must name; empty: it is not looked at");
    field("secret", o.secret, Env{"JWT_SECRET"}, Secret{},
          "accepts HS256, HS384 and HS512 under this secret");
    field("public_key", o.public_key, Env{"JWT_PUBLIC_KEY"}, Secret{},
          "accepts tokens signed by this key (PEM; RSA, EC or Ed25519)");
    field("public_key_previous", o.public_key_previous, Env{"JWT_PUBLIC_KEY_PREVIOUS"}, Secret{},
          "the key before it, while its tokens live");
    field(
        "key_set_url", o.key_set_url, Env{"JWT_JWKS_URL"},
        Check{check_key_set_url, R"(^https?://[^/ ]+/[^ ]*$)"},
        "the issuer's key set (RFC 7517), read in the background and when a token names a key that "
        "is not in it");
    field("key_set_ca_file", o.key_set_ca_file, Env{"JWT_JWKS_CA_FILE"},
          "PEM file: whom the gateway trusts to certify an `https://` issuer; default: whom the "
          "system does");
    field("key_set_refresh_ms", o.key_set_refresh, Range{1'000, 86'400'000},
          "how often the key set is read again");
    field("key_set_age_max_ms", o.key_set_age_max, kKeySetAgeRange,
          "how long its keys are trusted while it cannot be read; 0: for ever");
    field("clock_skew_s", o.clock_skew_s, Env{"JWT_CLOCK_SKEW"}, Range{0, 3'600},
          "seconds by which the issuer's clock may differ from ours");
    field("longest_life", o.longest_life, Env{"JWT_ACCESS_TOKEN_EXPIRY"},
          "longest time between `iat` and `exp` of a token that is accepted");
    field("cached_per_worker", o.cached_per_worker, Range{0, 10'000'000},
          "tokens that each worker remembers as verified");
}

}  // namespace gw::identity
