// Who calls: the bearer token or the API key, verified, remembered, and held against revocations
// and bans on every request. Paths that a route calls public need none; one that is good is taken
// notice of there.
#include "base/text.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "identity/verifier.hpp"

namespace gw::gateway {
namespace {

using identity::TokenFault;

constexpr Millis kKeyPatience{2'500};  // for a key that the issuer may just have made

std::optional<config::Flaw> check_public_path(std::string_view path) {
    const std::size_t star = path.find('*');
    const bool end = star == std::string_view::npos ||
                     (path.ends_with("/**") && star == path.size() - 2) ||
                     (path.ends_with("/*") && star == path.size() - 1);
    if (path.starts_with('/') && end && path.find_first_of("?#%\\ ") == std::string_view::npos) {
        return std::nullopt;
    }
    return config::Flaw{"is " + config::quote(path),
                        "write a path below the route's: /login, or /webhooks/** for all below it"};
}

struct Authenticate : StageOptions {
    std::vector<std::string> public_paths;
    bool api_keys = true;
};

template <class Visitor>
void fields(Visitor& field, Authenticate& o) {
    field("public", o.public_paths, config::Check{check_public_path, R"(^/[^?#%\\ ]*$)"},
          "paths below the route's own that need no token: `/login` is that path, `/webhooks/**` "
          "all below it, `/**` everything");
    field("api_keys", o.api_keys, "whether a key in `X-API-Key` does instead of a token");
}

bool is_public(const Authenticate& o, std::string_view rest) {
    for (const std::string_view path : o.public_paths) {
        const std::size_t star = path.find('*');
        if (star == std::string_view::npos) {
            if (rest == path) {
                return true;
            }
        } else if (star == 1 || rest.starts_with(path.substr(0, star))) {
            return true;
        }
    }
    return false;
}

enum class Shown : std::uint8_t { nothing, token, api_key, nonsense };

// RFC 6750, 2.1. Two fields, or another scheme, are nobody's token.
Shown find_token(const http::Headers& headers, std::string_view& token) {
    std::size_t count = 0;
    std::size_t keys = 0;
    std::string_view value;
    for (const http::Field& field : headers) {
        if (field.known == http::Known::authorization) {
            ++count;
            value = field.value;
        } else if (field.known == http::Known::x_api_key) {
            ++keys;
            token = field.value;
        }
    }
    if (count == 0) {
        return keys == 0 ? Shown::nothing : keys == 1 ? Shown::api_key : Shown::nonsense;
    }
    constexpr std::string_view kScheme = "bearer ";
    if (count > 1 || value.size() <= kScheme.size() ||
        !equal_ignore_case(value.substr(0, kScheme.size()), kScheme)) {
        return Shown::nonsense;
    }
    token = value.substr(kScheme.size());
    return Shown::token;  // of what characters, its verification says
}

Code code_of(TokenFault fault) {
    switch (fault) {
        case TokenFault::missing:
            return Code::token_missing;
        case TokenFault::malformed:
            return Code::token_malformed;
        case TokenFault::expired:
            return Code::token_expired;
        case TokenFault::revoked:
            return Code::token_revoked;
        default:
            return Code::token_invalid;
    }
}

// What the client learns: the kind, and not which of the checks it was.
const char* detail_of(Code code) {
    switch (code) {
        case Code::token_missing:
            return "this needs a bearer token";
        case Code::token_malformed:
            return "the credentials are not a bearer token";
        case Code::token_expired:
            return "the token has expired";
        case Code::token_revoked:
            return "the token has been revoked";
        default:
            return "the token is not valid";
    }
}

// Faults that no honest client's token has.
bool looks_forged(TokenFault fault) {
    switch (fault) {
        case TokenFault::malformed:
        case TokenFault::algorithm:
        case TokenFault::signature:
            return true;
        default:
            return false;
    }
}

// detail: what the client learns. token: "" where it says nothing of who it is.
Verdict reject_with(Exchange& x, TokenFault fault, const char* detail, std::string_view token) {
    std::string what = detail;
    // The log alone says which: an issuer's fault would else be looked for in the dark.
    const char* const claim =
        fault == TokenFault::claims ? identity::refused_claim(token) : nullptr;
    if (claim != nullptr) {
        what.append(": its claim ").append(claim);
    }
    report_failed_authentication(
        x, static_cast<std::size_t>(fault), what,
        x.identity != nullptr ? x.identity->subject : identity::refused_subject(token, fault));
    if (looks_forged(fault)) {
        report_violation(x, observe::Violation::token_manipulation,
                         observe::kTokenErrors[static_cast<std::size_t>(fault)], "blocked", 401);
    }
    return refuse(code_of(fault), detail);
}

Verdict reject(Exchange& x, TokenFault fault, std::string_view token = {}) {
    return reject_with(x, fault, detail_of(code_of(fault)), token);
}

Verdict reject_key(Exchange& x, TokenFault fault) {
    const bool expired = fault == TokenFault::expired;
    return reject_with(x, fault, expired ? "the API key has expired" : "the API key is not valid",
                       {});
}

// A token that was good: is it still, and may its owner come in?
Verdict admit(Exchange& x, bool open) {
    const identity::Identity& caller = *x.identity;
    const state::Known& known = x.shard.access().known();
    const WallTime now = x.shard.loop().clock().wall;
    if (known.revocations.check(caller.id, caller.subject, caller.tenant, caller.issued_at, now)) {
        const Verdict verdict = open ? go_on() : reject(x, TokenFault::revoked);
        x.identity.reset();
        return verdict;
    }
    const bool user = known.bans.by_user(caller.subject, now).has_value();
    if (user || known.bans.by_tenant(caller.tenant, now)) {
        report_violation(x, observe::Violation::banned_access,
                         user ? "the user is banned" : "the tenant is banned", "blocked", 403);
        return refuse(Code::banned, "requests of this account are not accepted");
    }
    x.shard.metrics().auth_attempt(observe::AuthAttempt::success).add();
    return go_on();
}

Verdict verify(Exchange& x, std::string_view token, bool open, bool may_wait) {
    Access& access = x.shard.access();
    const WallTime now = x.shard.loop().clock().wall;
    x.identity = access.tokens().find(token, now);
    x.shard.metrics().looked_up(observe::Cache::token, x.identity != nullptr);
    if (x.identity == nullptr) {
        auto verified =
            identity::verify(token, access.keys(), x.generation.site->token_checks, now);
        if (!verified) {
            if (verified.error() == TokenFault::unknown_key && may_wait &&
                access.may_ask_for_keys()) {
                return wait();
            }
            return open ? go_on() : reject(x, verified.error(), token);
        }
        const WallTime until = verified->expires_at + x.generation.site->token_checks.leeway;
        // What was good by rules that a reload has replaced is so for this request alone.
        x.identity = x.generation.site->generation == x.shard.current().site->generation
                         ? access.tokens().keep(token, std::move(*verified), until)
                         : std::make_shared<const identity::Identity>(std::move(*verified));
        report_verified_token(x);
    }
    return admit(x, open);
}

Verdict look_up_key(Exchange& x, std::string_view key, bool open) {
    // By what is in force now: a key that a reload took away while this request waited is nobody's.
    const identity::ApiKeys& keys = x.shard.current().site->api_keys;
    auto found = keys.find(key, x.shard.loop().clock().wall);
    if (!found) {
        return open ? go_on() : reject_key(x, found.error());
    }
    x.identity = std::move(*found);
    return admit(x, open);
}

Verdict decide(Exchange& x, const Authenticate& o) {
    const bool open = is_public(o, x.rest);
    std::string_view token;
    switch (find_token(x.head().headers, token)) {
        case Shown::nothing:
            return open ? go_on() : reject(x, TokenFault::missing);
        case Shown::nonsense:
            return open ? go_on() : reject(x, TokenFault::malformed);
        case Shown::api_key:
            return o.api_keys ? look_up_key(x, token, open)
                   : open     ? go_on()
                              : reject(x, TokenFault::missing);
        case Shown::token:
            break;
    }
    return verify(x, token, open, !open);
}

// The issuer is asked for its keys; a token of a new one is then as good as any.
net::Task<Verdict> wait_for_key(Exchange& x, const StageOptions* options) {
    Access& access = x.shard.access();
    net::Pause pause(x.shard.loop());
    access.wait_for_keys(pause);
    co_await pause.until(std::min(x.deadline, x.shard.loop().now() + kKeyPatience));
    access.wait_no_more(pause);
    std::string_view token;
    find_token(x.head().headers, token);
    co_return verify(x, token, is_public(static_cast<const Authenticate&>(*options), x.rest),
                     false);
}

constexpr Stage row() {
    Stage stage = stage_of_every_route<Authenticate, decide>("authenticate");
    stage.wait = wait_for_key;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage authenticate = row();
}

}  // namespace gw::gateway
