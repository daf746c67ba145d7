#include "limits/policy_override.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::limits {
namespace {

using Failed = std::unexpected<config::Flaw>;

const char* const kForms = "write off, on, dry-run, or numbers: 500, or 500/60s for a window";

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kSpace);
    return begin == std::string_view::npos
               ? std::string_view{}
               : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "60s", "90000ms", "15m", "1h".
std::optional<Millis> parse_window(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
        {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_decimal(text.substr(0, digits));
    for (const auto& [name, millis] : kUnits) {
        if (number && *number <= 1'000'000'000 && text.substr(digits) == name) {
            return Millis(static_cast<std::int64_t>(*number) * millis);
        }
    }
    return std::nullopt;
}

std::string span_text(Millis span) {
    return span.count() % 1'000 == 0 ? std::to_string(span.count() / 1'000) + " s"
                                     : std::to_string(span.count()) + " ms";
}

std::optional<config::Flaw> out_of_bounds(const PolicyOverride& over) {
    const auto requests_are_bad = [](std::uint32_t requests) {
        return requests < 1 || requests > Quota::kLimitMax;
    };
    if ((over.requests && requests_are_bad(*over.requests)) ||
        std::ranges::any_of(over.tiers,
                            [&](const auto& tier) { return requests_are_bad(tier.second); })) {
        return config::Flaw{"has a number of requests that no policy can have",
                            "write 1 to 1000000; to stop it from refusing, turn it off"};
    }
    if (over.window && (*over.window < Quota::kWindowMin || *over.window > Quota::kWindowMax)) {
        return config::Flaw{"has a window that no policy can have", "write 1 second to 31 days"};
    }
    if (over.block && (over.block->count() < 0 || *over.block > Quota::kBlockMax)) {
        return config::Flaw{"blocks for longer than a policy can", "write 0 to 12 hours"};
    }
    return std::nullopt;
}

}  // namespace

std::string_view name_of(Enforcement enforcement) {
    return names_of(enforcement)[static_cast<std::size_t>(enforcement)].first;
}

std::optional<Enforcement> parse_enforcement(std::string_view text) {
    for (const auto& [name, enforcement] : names_of(Enforcement{})) {
        if (text == name) {
            return enforcement;
        }
    }
    return std::nullopt;
}

std::expected<PolicyOverride, config::Flaw> parse_policy_override(std::string_view text) {
    PolicyOverride over;
    std::string_view left = trimmed(text);
    while (!left.empty()) {
        const std::string_view word = left.substr(0, left.find_first_of(" \t\r\n"));
        left = trimmed(left.substr(word.size()));
        if (const auto enforcement = parse_enforcement(word); enforcement && !over.enforcement) {
            over.enforcement = enforcement;
            continue;
        }
        const std::size_t slash = std::min(word.find('/'), word.size());
        const auto requests = parse_decimal(word.substr(0, slash));
        const auto window =
            slash < word.size() ? parse_window(word.substr(slash + 1)) : std::nullopt;
        if (over.requests || !requests || (slash < word.size() && !window)) {
            return Failed({"is " + config::quote(text.substr(0, 60)), kForms});
        }
        over.requests = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(*requests, std::uint64_t{Quota::kLimitMax} + 1));
        over.window = window;
    }
    if (over == PolicyOverride{}) {
        return Failed({"says nothing", kForms});
    }
    if (auto flaw = out_of_bounds(over)) {
        return Failed(*std::move(flaw));
    }
    return over;
}

std::string to_text(const PolicyOverride& over) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (over.requests) {
        add(std::to_string(*over.requests) + " requests");
    }
    for (const auto& [tier, requests] : over.tiers) {
        add(tier + " " + std::to_string(requests) + " requests");
    }
    if (over.window) {
        add("in " + span_text(*over.window));
    }
    if (over.block) {
        add("block " + span_text(*over.block));
    }
    if (over.enforcement) {
        add(std::string(name_of(*over.enforcement)));
    }
    return text;
}

std::expected<PolicyOptions, config::Flaw> overridden(const PolicyOptions& options,
                                                      const PolicyOverride& over) {
    if (auto flaw = out_of_bounds(over)) {
        return Failed(*std::move(flaw));
    }
    PolicyOptions out = options;
    out.requests = over.requests.value_or(out.requests);
    out.window = over.window.value_or(out.window);
    out.block = over.block.value_or(out.block);
    if (over.enforcement) {
        out.enabled = *over.enforcement != Enforcement::off;
        out.dry_run = *over.enforcement == Enforcement::dry_run;
    }
    for (const auto& [name, requests] : over.tiers) {
        const auto tier = out.tiers.find(name);
        if (tier == out.tiers.end()) {
            return Failed({"names the tier " + config::quote(name) + ", which the policy has not",
                           "name one of its tiers, or leave it out"});
        }
        tier->second.requests = requests;
    }
    if (std::vector<config::Flaw> flaws = flaws_of(out); !flaws.empty()) {
        return Failed(std::move(flaws.front()));
    }
    return out;
}

}  // namespace gw::limits
