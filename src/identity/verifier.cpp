#include "identity/verifier.hpp"

#include <algorithm>
#include <cmath>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "identity/strict_json.hpp"

namespace gw::identity {
namespace {

using Claim = JsonMember::Value;
using Failed = std::unexpected<TokenFault>;

constexpr std::size_t kNameMax = 256;
constexpr std::size_t kListMax = 256;
// Beyond the year 9999 nobody issues tokens, and arithmetic stays exact.
constexpr double kDateMax = 253'402'300'800.0;

// RFC 7519, 2: NumericDate. Whole seconds are enough.
std::optional<std::int64_t> date_of(const Claim& claim) {
    double seconds = 0;
    if (const auto* whole = std::get_if<std::int64_t>(&claim)) {
        seconds = static_cast<double>(*whole);
    } else if (const auto* part = std::get_if<double>(&claim)) {
        seconds = *part;
    } else {
        return std::nullopt;
    }
    if (!(seconds >= 0 && seconds < kDateMax)) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(std::floor(seconds));
}

struct Parts {
    std::string_view signed_text;  // header "." payload
    std::string header;
    std::string payload;
    std::string signature;
};

std::optional<Parts> split(std::string_view token) {
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    auto header = base64url_decode(token.substr(0, first));
    auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
    auto signature = base64url_decode(token.substr(second + 1));
    if (!header || !payload || !signature) {
        return std::nullopt;
    }
    return Parts{token.substr(0, second), std::move(*header), std::move(*payload),
                 std::move(*signature)};
}

// A media type, so in any case, and its "application/" may be left out (RFC 7515, 4.1.9; RFC 9068,
// 4).
bool is_token_type(std::string_view type) {
    constexpr std::string_view kApplication = "application/";
    if (starts_with_ignore_case(type, kApplication)) {
        type.remove_prefix(kApplication.size());
    }
    return equal_ignore_case(type, "JWT") || equal_ignore_case(type, "at+jwt");
}

// RFC 7515, 4.1.11: what must be understood and is not. The key comes from us alone: jku, x5u, jwk
// and x5c are never looked at.
std::expected<Algorithm, TokenFault> algorithm_of(const JsonMembers& header) {
    if (header.has("crit") || header.has("b64") || header.has("enc") || header.has("zip")) {
        return Failed(TokenFault::malformed);
    }
    if (header.has("typ")) {
        const std::string* const type = header.text("typ");
        if (type == nullptr || !is_token_type(*type)) {
            return Failed(TokenFault::type);
        }
    }
    const std::string* const name = header.text("alg");
    const std::optional<Algorithm> algorithm =
        name != nullptr ? algorithm_named(*name) : std::nullopt;
    return algorithm ? std::expected<Algorithm, TokenFault>(*algorithm)
                     : Failed(TokenFault::algorithm);
}

std::optional<TokenFault> check_signature(const Parts& parts, const JsonMembers& header,
                                          Algorithm algorithm, const KeySet& keys) {
    std::optional<std::string_view> kid;
    if (header.has("kid")) {
        const std::string* const text = header.text("kid");
        if (text == nullptr || text->size() > kNameMax) {
            return TokenFault::unknown_key;
        }
        kid = *text;
    }
    bool any = false;
    bool good = false;
    keys.candidates(kid, algorithm, [&](const Key& key) {
        any = true;
        good = key.verifies(algorithm, parts.signed_text, parts.signature);
        return good;
    });
    if (good) {
        return std::nullopt;
    }
    if (kid && !keys.knows(*kid)) {
        // It may be one that the issuer has just made, where keys have names at all.
        return any && !keys.has_named() ? TokenFault::signature : TokenFault::unknown_key;
    }
    if (any) {
        return TokenFault::signature;
    }
    return keys.size() == 0 ? TokenFault::unknown_key : TokenFault::algorithm;
}

std::optional<TokenFault> check_times(const JsonMembers& claims, const TokenChecks& checks,
                                      WallTime now, SignedClaims& out) {
    const auto date = [&](const char* name, std::optional<std::int64_t>& out) {
        const Claim* const claim = claims.given(name);
        out = claim != nullptr ? date_of(*claim) : std::nullopt;
        return claim == nullptr || out.has_value();
    };
    std::optional<std::int64_t> expires;
    std::optional<std::int64_t> issued;
    std::optional<std::int64_t> begins;
    if (!date("exp", expires) || !date("iat", issued) || !date("nbf", begins) || !expires ||
        !issued) {
        return TokenFault::claims;
    }
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    const std::int64_t leeway = checks.leeway.count();
    if (second >= *expires + leeway) {
        return TokenFault::expired;
    }
    if (*issued > second + leeway || (begins && *begins > second + leeway)) {
        return TokenFault::not_yet_valid;
    }
    if (*expires - *issued > checks.longest_life.count() || *expires < *issued) {
        return TokenFault::too_long_lived;
    }
    out.issued_at = WallTime(std::chrono::seconds(*issued));
    out.expires_at = WallTime(std::chrono::seconds(*expires));
    return std::nullopt;
}

std::optional<TokenFault> check_origin(const JsonMembers& claims, const TokenChecks& checks) {
    const std::string* const issuer = claims.text("iss");
    if (issuer == nullptr || issuer->empty() ||
        (!checks.issuer.empty() && *issuer != checks.issuer)) {
        return TokenFault::issuer;
    }
    if (!checks.audience.empty()) {
        const Claim* const claim = claims.find("aud");
        const auto* const one = claim != nullptr ? std::get_if<std::string>(claim) : nullptr;
        const auto* const list =
            claim != nullptr ? std::get_if<std::vector<std::string>>(claim) : nullptr;
        const bool named =
            (one != nullptr && *one == checks.audience) ||
            (list != nullptr && std::ranges::find(*list, checks.audience) != list->end());
        if (!named) {
            return TokenFault::audience;
        }
    }
    const std::string* const type = claims.text("type");
    if (checks.type.empty()) {
        return std::nullopt;
    }
    return type != nullptr && *type == checks.type ? std::nullopt : std::optional(TokenFault::type);
}

// A name, if the claim is there at all: what an issuer has no value for it may write as null.
bool take_name(const JsonMembers& claims, const char* name, std::string& out) {
    const std::string* const text = claims.text(name);
    if (text != nullptr && is_name(*text)) {
        out = *text;
        return true;
    }
    return claims.given(name) == nullptr;
}

bool take_list(const JsonMembers& claims, const char* name, std::vector<std::string>& out) {
    const Claim* const claim = claims.given(name);
    if (claim == nullptr) {
        return true;
    }
    const auto* const list = std::get_if<std::vector<std::string>>(claim);
    if (list == nullptr || list->size() > kListMax || !std::ranges::all_of(*list, is_name)) {
        return false;
    }
    out = *list;
    return true;
}

// The claim that is not as it must be; null: all are.
const char* take_claims(const JsonMembers& claims, Identity& identity) {
    if (!take_name(claims, "sub", identity.subject) || identity.subject.empty()) {
        return "sub";
    }
    if (!take_name(claims, "tenant_id", identity.tenant) || identity.tenant.empty()) {
        return "tenant_id";
    }
    std::string venue;
    for (const auto& [name, out] :
         {std::pair{"jti", &identity.id}, {"role", &identity.role}, {"venue_id", &venue}}) {
        if (!take_name(claims, name, *out)) {
            return name;
        }
    }
    for (const auto& [name, out] :
         {std::pair{"permissions", &identity.permissions}, {"venues", &identity.venues}}) {
        if (!take_list(claims, name, *out)) {
            return name;
        }
    }
    if (!venue.empty()) {
        identity.venues.push_back(std::move(venue));
    }
    return nullptr;
}

}  // namespace

// The texts of a token end up in header fields, log lines and keys of the store.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameMax &&
           std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

std::expected<Identity, TokenFault> verify(std::string_view token, const KeySet& keys,
                                           const TokenChecks& checks, WallTime now) {
    const std::expected<SignedClaims, TokenFault> found = verify_claims(token, keys, checks, now);
    if (!found) {
        return Failed(found.error());
    }
    Identity identity;
    identity.issued_at = found->issued_at;
    identity.expires_at = found->expires_at;
    if (take_claims(found->claims, identity) != nullptr) {
        return Failed(TokenFault::claims);
    }
    identity.holdings = holdings_of(identity);
    tell_services(identity);
    return identity;
}

std::expected<SignedClaims, TokenFault> verify_claims(std::string_view token, const KeySet& keys,
                                                      const TokenChecks& checks, WallTime now) {
    if (token.size() > kTokenBytesMax) {
        return Failed(TokenFault::malformed);
    }
    const std::optional<Parts> parts = split(token);
    const std::optional<JsonMembers> header =
        parts ? JsonMembers::parse(parts->header) : std::nullopt;
    if (!header) {
        return Failed(TokenFault::malformed);
    }
    const std::expected<Algorithm, TokenFault> algorithm = algorithm_of(*header);
    if (!algorithm) {
        return Failed(algorithm.error());
    }
    if (const auto fault = check_signature(*parts, *header, *algorithm, keys)) {
        return Failed(*fault);
    }
    // Only what the issuer has signed is read any further.
    std::optional<JsonMembers> claims = JsonMembers::parse(parts->payload);
    if (!claims) {
        return Failed(TokenFault::claims);
    }
    SignedClaims out{*std::move(claims)};
    for (const auto& fault :
         {check_origin(out.claims, checks), check_times(out.claims, checks, now, out)}) {
        if (fault) {
            return Failed(*fault);
        }
    }
    return out;
}

std::string refused_subject(std::string_view token, TokenFault fault) {
    switch (fault) {
        case TokenFault::expired:
        case TokenFault::not_yet_valid:
        case TokenFault::issuer:
        case TokenFault::audience:
        case TokenFault::type:
        case TokenFault::claims:
        case TokenFault::too_long_lived:
        case TokenFault::revoked:
            break;
        default:
            return {};
    }
    const std::optional<Parts> parts = split(token);
    // A type of token that the header gives is refused before the signature is looked at.
    const auto header = parts ? JsonMembers::parse(parts->header) : std::nullopt;
    if (!header || !algorithm_of(*header)) {
        return {};
    }
    const auto claims = JsonMembers::parse(parts->payload);
    const std::string* const subject = claims ? claims->text("sub") : nullptr;
    return subject != nullptr && is_name(*subject) ? *subject : std::string();
}

const char* refused_claim(std::string_view token) {
    const std::optional<Parts> parts = split(token);
    const auto claims = parts ? JsonMembers::parse(parts->payload) : std::nullopt;
    if (!claims) {
        return nullptr;
    }
    for (const char* const name : {"exp", "iat", "nbf"}) {
        const Claim* const claim = claims->given(name);
        const bool may_lack = std::string_view(name) == "nbf";
        if (claim != nullptr ? !date_of(*claim) : !may_lack) {
            return name;
        }
    }
    Identity unused;
    return take_claims(*claims, unused);
}

}  // namespace gw::identity
