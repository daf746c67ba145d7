// What a containment does, key by key, as far as it can be known without asking anybody. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/contain_record.hpp"

namespace gw::control {

// One key that a containment sets, what it found, and what it makes of it.
struct ContainStep {
    std::string key;
    std::string value;  // to be written
    std::optional<WallTime> until = std::nullopt;
    std::optional<Standing> before = std::nullopt;
    bool kept = false;  // what is there holds as long or longer: nothing is written
};

// Whom a body names: {users, tenants, addresses, tokens}, lists of texts; or what is wrong with it.
struct ContainTargets {
    std::vector<std::string> users;
    std::vector<std::string> tenants;
    std::vector<std::string> addresses;  // in their one spelling
    std::vector<std::string> tokens;     // their jti
};
std::expected<ContainTargets, std::string> read_contain_targets(const boost::json::object& body);

// Of all targets, without what is there already.
std::vector<ContainStep> contain_steps(const ContainTargets& targets, const std::string& reason,
                                       const std::string& by, WallTime now, WallTime until);
// Takes in what stands under the step's key: a ban or revocation in force is never shortened. What
// another containment holds as long or longer is written as it is: from then on it is this one's
// too, and the undo of the other leaves it.
void meet(ContainStep& step, std::optional<Standing> before, WallTime now);

// Of all keys of containments: their records, and who holds what.
inline constexpr std::string_view kContainmentKeys = "containment:";

// The key beside a ban or revocation that says which containment holds it. Whoever sets the ban or
// revocation for another reason takes it away.
inline std::string holder_key(std::string_view key) {
    return std::string(kContainmentKeys) + "of:" + std::string(key);
}

inline bool is_ban(std::string_view key) {
    return key.starts_with("banned:");
}
// Its value is a moment: tokens issued until then are revoked. Else "1", for one token.
inline bool names_a_moment(std::string_view key) {
    return key.starts_with("revoked:") && !key.starts_with("revoked:jti:");
}

}  // namespace gw::control
