// What operators set of a policy while gateways run, in place of what is configured. Pure.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "limits/policy.hpp"

namespace gw::limits {

// Does a policy refuse? dry_run: it counts and reports, and refuses nothing; off: not even that.
enum class Enforcement : std::uint8_t { on, off, dry_run };
constexpr std::array<std::pair<std::string_view, Enforcement>, 3> names_of(Enforcement) {
    return {
        {{"on", Enforcement::on}, {"off", Enforcement::off}, {"dry-run", Enforcement::dry_run}}};
}
std::string_view name_of(Enforcement enforcement);
std::optional<Enforcement> parse_enforcement(std::string_view text);

// What is not said stays as it is configured.
struct PolicyOverride {
    std::optional<std::uint32_t> requests;
    std::optional<Millis> window;
    std::optional<Millis> block;
    std::optional<Enforcement> enforcement;
    std::map<std::string, std::uint32_t> tiers;  // requests of some
    bool operator==(const PolicyOverride&) const = default;
};

// As people write one by hand: "off", "on", "dry-run", "500", "500/60s", "500/60s dry-run".
std::expected<PolicyOverride, config::Flaw> parse_policy_override(std::string_view text);

// "500 requests, in 60 s, dry-run".
std::string to_text(const PolicyOverride& over);

// The policy under it, or why it cannot be. What is returned has no flaws_of() it.
std::expected<PolicyOptions, config::Flaw> overridden(const PolicyOptions& options,
                                                      const PolicyOverride& over);

}  // namespace gw::limits
