#include "control/sign_in.hpp"

#include <algorithm>

namespace gw::control {
namespace {

using identity::TokenFault;
using Value = identity::JsonMember::Value;

bool names_one(const Value& claim, const std::vector<std::string>& values) {
    const auto is_one = [&](const std::string& text) {
        return std::ranges::find(values, text) != values.end();
    };
    if (const auto* const text = std::get_if<std::string>(&claim)) {
        return is_one(*text);
    }
    const auto* const list = std::get_if<std::vector<std::string>>(&claim);
    return list != nullptr && std::ranges::any_of(*list, is_one);
}

// As the record calls them: by the address that people know each other by, else by `sub`.
std::string person_of(const identity::JsonMembers& claims) {
    const std::string* const email = claims.text("email");
    const std::string* const subject = claims.text("sub");
    return email != nullptr && identity::is_name(*email) ? *email : *subject;
}

}  // namespace

std::vector<std::pair<std::string, config::Flaw>> flaws_of(const SignInOptions& options,
                                                           bool tokens) {
    std::vector<std::pair<std::string, config::Flaw>> flaws;
    if (!options.any()) {
        return flaws;
    }
    const auto wants = [&](const char* name, bool there, const char* remedy) {
        if (!there) {
            flaws.push_back({name, {"is missing, where operators sign in by an issuer", remedy}});
        }
    };
    wants("issuer", !options.issuer.empty(), "set it to the issuer's `iss`");
    wants("audience", !options.audience.empty(),
          "set it to the client's id: a token for anybody else must not do here");
    wants("key_set_url", !options.key_set_url.empty(), "set it to the issuer's `jwks_uri`");
    wants("operators", !options.operators.empty() || !options.viewers.empty(),
          "name the values of the claim with which one may act, or look (`viewers`)");
    wants("claim", !options.claim.empty(), "name the claim, such as groups");
    for (const std::string& value : options.viewers) {
        if (std::ranges::find(options.operators, value) != options.operators.end()) {
            flaws.push_back({"viewers",
                             {"names " + config::quote(value) + ", as operators does",
                              "leave it in one of them"}});
        }
    }
    if (!tokens) {
        flaws.push_back({"issuer",
                         {"is set, and there is no ADMIN_TOKEN",
                          "set ADMIN_TOKEN: the admin API is off without, and it is the way in "
                          "while the issuer is away"}});
    }
    return flaws;
}

void SignIn::configure(const SignInOptions& options) {
    if (options.key_set_url != options_.key_set_url) {
        keys_ = {};
    }
    options_ = options;
    checks_ = {.issuer = options.issuer,
               .audience = options.audience,
               .leeway = std::chrono::seconds(options.clock_skew_s),
               .longest_life = options.longest_life.value,
               .type = ""};
}

bool SignIn::adopt(const std::string& document) {
    std::vector<identity::SkippedKey> skipped;
    auto keys = identity::parse_key_set(document, skipped);
    if (!keys || keys->empty()) {
        return false;
    }
    keys_ = identity::KeySet(*std::move(keys));
    return true;
}

std::optional<std::expected<AdminCaller, TokenFault>> SignIn::caller_of(std::string_view token,
                                                                        const state::Known& known,
                                                                        WallTime now) const {
    using Failed = std::unexpected<TokenFault>;
    if (options_.issuer.empty() || std::ranges::count(token, '.') != 2) {
        return std::nullopt;
    }
    const auto found = identity::verify_claims(token, keys_, checks_, now);
    if (!found) {
        if (found.error() == TokenFault::unknown_key) {
            ask_for_keys_();
        }
        return Failed(found.error());
    }
    const std::string* const subject = found->claims.text("sub");
    if (subject == nullptr || !identity::is_name(*subject)) {
        return Failed(TokenFault::claims);
    }
    const std::string* const id = found->claims.text("jti");
    if (known.revocations.check(id != nullptr ? *id : "", *subject, "", found->issued_at, now)) {
        return Failed(TokenFault::revoked);
    }
    if (known.bans.by_user(*subject, now)) {
        return Failed(TokenFault::revoked);
    }
    const Value* const claim = found->claims.find(options_.claim);
    for (const auto& [role, values] : {std::pair(AdminRole::operator_, &options_.operators),
                                       std::pair(AdminRole::viewer, &options_.viewers)}) {
        if (claim != nullptr && names_one(*claim, *values)) {
            return AdminCaller{role, person_of(found->claims)};
        }
    }
    return Failed(TokenFault::claims);
}

}  // namespace gw::control
