#include "control/contain_steps.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "state/banned_value.hpp"
#include "state/revoked.hpp"

namespace gw::control {
namespace {

using std::chrono::seconds;

// More than an incident has; what is larger is a change of configuration.
constexpr std::size_t kTargetsMax = 100;

std::int64_t millis_of(WallTime time) {
    return std::chrono::duration_cast<Millis>(time.time_since_epoch()).count();
}

std::expected<void, std::string> read_names(const boost::json::object& body, std::string_view name,
                                            std::vector<std::string>& out) {
    const auto* list = body.if_contains(name);
    if (list == nullptr) {
        return {};
    }
    if (!list->is_array() || list->as_array().size() > kTargetsMax) {
        return std::unexpected(std::string(name) + " is a list of at most 100 texts");
    }
    for (const boost::json::value& item : list->as_array()) {
        if (!item.is_string() || !state::is_called(item.as_string())) {
            return std::unexpected(std::string(name) + " names nobody");
        }
        out.emplace_back(item.as_string());
    }
    return {};
}

}  // namespace

std::expected<ContainTargets, std::string> read_contain_targets(const boost::json::object& body) {
    ContainTargets targets;
    for (auto [name, list] : {std::pair{"users", &targets.users},
                              {"tenants", &targets.tenants},
                              {"addresses", &targets.addresses},
                              {"tokens", &targets.tokens}}) {
        if (const auto read = read_names(body, name, *list); !read) {
            return std::unexpected(read.error());
        }
    }
    for (std::string& address : targets.addresses) {
        const auto block = state::parse_banned_block(address);
        if (!block) {
            return std::unexpected("addresses are such as 203.0.113.7 or 203.0.113.0/24");
        }
        if (block->bits < (block->base.is_v4() ? 8U : 16U)) {
            return std::unexpected("that block holds half the world; name a smaller one");
        }
        address = state::to_text(*block);
    }
    if (targets.users.empty() && targets.tenants.empty() && targets.addresses.empty() &&
        targets.tokens.empty()) {
        return std::unexpected(R"(whom? {"users": ["42"], "addresses": ["203.0.113.7"]}, and )"
                               "tenants or tokens (their jti)");
    }
    return targets;
}

std::vector<ContainStep> contain_steps(const ContainTargets& targets, const std::string& reason,
                                       const std::string& by, WallTime now, WallTime until) {
    const std::string ban =
        state::write_ban({.reason = reason, .by = by, .since = now, .until = until});
    const std::string moment =
        std::to_string(std::chrono::duration_cast<seconds>(now.time_since_epoch()).count());
    std::vector<ContainStep> steps;
    const auto add = [&](const std::string& key, const std::string& value) {
        if (std::ranges::find(steps, key, &ContainStep::key) == steps.end()) {
            steps.push_back({.key = key, .value = value, .until = until});
        }
    };
    // Bans first: they stop whoever holds a token that nobody has thought of.
    for (const std::string& user : targets.users) {
        add("banned:user:" + user, ban);
    }
    for (const std::string& tenant : targets.tenants) {
        add("banned:tenant:" + tenant, ban);
    }
    for (const std::string& address : targets.addresses) {
        add("banned:ip:" + address, ban);
    }
    for (const std::string& token : targets.tokens) {
        add("revoked:jti:" + token, "1");
    }
    for (const std::string& user : targets.users) {
        add("revoked:user:" + user, moment);
    }
    for (const std::string& tenant : targets.tenants) {
        add("revoked:tenant:" + tenant, moment);
    }
    return steps;
}

void meet(ContainStep& step, std::optional<Standing> before, WallTime now) {
    if (!before || (before->until && *before->until <= now)) {
        return;
    }
    const bool holds_longer = !before->until || (step.until && *before->until >= *step.until);
    const bool shared = !before->containment.empty();
    if (holds_longer && (names_a_moment(step.key) || shared)) {
        step.until = before->until;
    }
    if (names_a_moment(step.key)) {
        // A later moment revokes more tokens than ours would.
        if (const auto moment = state::parse_revoked_until(before->value);
            moment && *moment > millis_of(now)) {
            step.value = before->value;
        }
    } else if (holds_longer && shared) {
        step.value = before->value;
    } else {
        step.kept = holds_longer;
    }
    step.before = std::move(before);
}

}  // namespace gw::control
