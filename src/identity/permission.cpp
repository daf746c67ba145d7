#include "identity/permission.hpp"

#include <algorithm>
#include <array>

namespace gw::identity {
namespace {

struct Role {
    std::string_view name;
    std::array<std::string_view, 7> permissions;
};

constexpr std::array<Role, 6> kRoles{{
    {"admin", {"*"}},
    {"venue-owner", {"*"}},  // within the venues that they hold: see holds_venue()
    {"venue-manager",
     {"events:create", "events:update", "events:delete", "tickets:view", "tickets:validate",
      "reports:view", "reports:export"}},
    {"box-office",
     {"tickets:sell", "tickets:view", "tickets:validate", "payments:process", "reports:daily"}},
    {"door-staff", {"tickets:validate", "tickets:view"}},
    {"customer",
     {"tickets:purchase", "tickets:view-own", "tickets:transfer-own", "profile:update-own"}},
}};

bool covers(std::string_view held, std::string_view wanted) {
    return !held.empty() &&
           (held == "*" || held == wanted ||
            (held.ends_with(":*") && wanted.starts_with(held.substr(0, held.size() - 1))));
}

template <class List>
bool any_covers(const List& list, std::string_view wanted) {
    return std::ranges::any_of(list,
                               [wanted](std::string_view held) { return covers(held, wanted); });
}

}  // namespace

bool allows(const Identity& caller, std::string_view permission) {
    if (any_covers(caller.permissions, permission)) {
        return true;
    }
    const auto role = std::ranges::find(kRoles, caller.role, &Role::name);
    return role != kRoles.end() && any_covers(role->permissions, permission);
}

bool holds_venue(const Identity& caller, std::string_view venue) {
    return caller.role == "admin" || std::ranges::find(caller.venues, venue) != caller.venues.end();
}

}  // namespace gw::identity
