// How operators prove who they are by a token of their own issuer (OpenID Connect), besides the
// tokens of the admin API.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/field.hpp"
#include "config/span_text.hpp"
#include "identity/token_options.hpp"

namespace gw::control {

struct SignInOptions {
    std::string issuer;  // empty: nobody comes by a token of an issuer
    std::string audience;
    std::string key_set_url;
    std::string key_set_ca_file;
    std::chrono::milliseconds key_set_refresh{300'000};
    std::chrono::milliseconds key_set_age_max = identity::kKeySetAgeMax;
    std::string claim = "groups";
    std::vector<std::string> operators;
    std::vector<std::string> viewers;
    std::uint32_t clock_skew_s = 30;
    config::SpanText longest_life{std::chrono::hours(12)};

    [[nodiscard]] bool any() const {
        return !issuer.empty() || !audience.empty() || !key_set_url.empty() || !operators.empty() ||
               !viewers.empty();
    }
};

template <class Visitor>
void fields(Visitor& field, SignInOptions& o) {
    using namespace config;
    field("issuer", o.issuer, Env{"ADMIN_OIDC_ISSUER"},
          "what `iss` of an operator's token must be");
    field("audience", o.audience, Env{"ADMIN_OIDC_AUDIENCE"},
          "what `aud` of it must name: the client that this gateway's operators sign in as");
    field("key_set_url", o.key_set_url, Env{"ADMIN_OIDC_JWKS_URL"},
          Check{identity::check_key_set_url, R"(^https?://[^/ ]+/[^ ]*$)"},
          "the issuer's key set (RFC 7517), read in the background and when a token names a key "
          "that is not in it");
    field("key_set_ca_file", o.key_set_ca_file, Env{"ADMIN_OIDC_CA_FILE"},
          "PEM file: whom the gateway trusts to certify an `https://` issuer; default: whom the "
          "system does");
    field("key_set_refresh_ms", o.key_set_refresh, Range{1'000, 86'400'000},
          "how often the key set is read again");
    field("key_set_age_max_ms", o.key_set_age_max, identity::kKeySetAgeRange,
          "how long its keys are trusted while it cannot be read; 0: for ever");
    field("claim", o.claim, Env{"ADMIN_OIDC_CLAIM"},
          "the claim that says what somebody may: a text, or a list of texts, at the top of the "
          "token");
    field("operators", o.operators, Env{"ADMIN_OIDC_OPERATORS"},
          "values of the claim with which one may change things");
    field("viewers", o.viewers, Env{"ADMIN_OIDC_VIEWERS"},
          "values of the claim with which one may look");
    field("clock_skew_s", o.clock_skew_s, Range{0, 3'600},
          "seconds by which the issuer's clock may differ from ours");
    field("longest_life", o.longest_life,
          "longest time between `iat` and `exp` of a token that is accepted");
}

// What is missing, or contradicts, by the setting's name; nothing where none is set. tokens:
// whether the admin API has a token of its own.
std::vector<std::pair<std::string, config::Flaw>> flaws_of(const SignInOptions& options,
                                                           bool tokens);

}  // namespace gw::control
