// What a caller needs beyond a good token: one of some roles, a permission.
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "identity/permission.hpp"

namespace gw::gateway {
namespace {

std::optional<config::Flaw> check_permission(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon != 0 && colon != std::string_view::npos && colon + 1 < text.size() &&
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_:*") ==
            std::string_view::npos) {
        return std::nullopt;
    }
    return config::Flaw{"is " + config::quote(text),
                        "write resource:action, for example tickets:purchase"};
}

struct Authorize : StageOptions {
    std::vector<std::string> roles;
    std::string permission;
};

template <class Visitor>
void fields(Visitor& field, Authorize& o) {
    field("roles", o.roles, "roles of which the caller needs one; none listed: any");
    field("permission", o.permission, config::Check{check_permission, "^[a-z0-9_-]+:[a-z0-9_*-]+$"},
          "permission that the caller needs, by token or by role: `tickets:purchase`");
}

bool has_role(const identity::Identity& caller, const Authorize& o) {
    return o.roles.empty() || std::ranges::find(o.roles, caller.role) != o.roles.end();
}

Verdict decide(Exchange& x, const Authorize& o) {
    if (x.identity == nullptr) {
        return refuse(Code::token_missing, "this needs a bearer token");
    }
    if (!has_role(*x.identity, o)) {
        return refuse(Code::forbidden, "this role may not do that");
    }
    if (!o.permission.empty() && !identity::allows(*x.identity, o.permission)) {
        return refuse(Code::forbidden, "this needs a permission that the caller has not");
    }
    return go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage authorize = stage<Authorize, decide>("authorize");
}

}  // namespace gw::gateway
