#include "limits/policy.hpp"

#include <openssl/sha.h>  // allow(homes): keys need a digest that all gateways share, and no secret

#include <algorithm>

#include "base/copy_text.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"

namespace gw::limits {
namespace {

using Of = KeyPart::Of;

constexpr std::array<std::pair<std::string_view, Of>, 6> kParts{{{"caller", Of::caller},
                                                                 {"user", Of::user},
                                                                 {"tenant", Of::tenant},
                                                                 {"api_key", Of::api_key},
                                                                 {"address", Of::address},
                                                                 {"route", Of::route}}};
constexpr std::string_view kParameter = "parameter:";
constexpr std::size_t kTenantMax = 256;

constexpr bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <class Options, class Limits>
Options* policy_in(Limits& limits, std::string_view name) {
    if (name == "general") {
        return &limits.general;
    }
    if (name == "tickets") {
        return &limits.tickets;
    }
    const auto at = limits.policies.find(std::string(name));
    return at == limits.policies.end() ? nullptr : &at->second;
}

constexpr std::array<bool, 256> kStanding = [] {
    std::array<bool, 256> standing{};
    for (const char c : std::string_view("-._~@+")) {
        standing[static_cast<unsigned char>(c)] = true;
    }
    for (unsigned c = 0; c < standing.size(); ++c) {
        standing[c] = standing[c] || (c < 0x80 && is_letter_or_digit(static_cast<char>(c)));
    }
    return standing;
}();

bool stands_as_it_is(std::string_view value) {
    if (value.size() > KeyText::kValueMax) {
        return false;
    }
    bool stands = true;  // no way out in the middle: nearly all do, and are short
    for (const char c : value) {
        stands &= kStanding[static_cast<unsigned char>(c)];
    }
    return stands;
}

// Ids such as UUIDs are the same to services in capitals: those are no way to another count.
std::string folded(std::string_view value) {
    std::string text(value);
    std::ranges::transform(text, text.begin(), lower);
    return text;
}

}  // namespace

std::expected<KeyPart, config::Flaw> KeyPart::parse(std::string_view text) {
    for (const auto& [name, of] : kParts) {
        if (text == name) {
            return KeyPart{of, {}};
        }
    }
    if (text.starts_with(kParameter)) {
        const std::string_view name = text.substr(kParameter.size());
        if (!name.empty() && name.size() <= kNameMax && std::ranges::all_of(name, [](char c) {
                return is_letter_or_digit(c) || c == '_' || c == '-';
            })) {
            return KeyPart{Of::parameter, std::string(name)};
        }
    }
    return std::unexpected(config::Flaw{
        "is no part of a key",
        "write caller, user, tenant, api_key, address, route, or parameter:<name of it>"});
}

std::string KeyPart::to_string() const {
    for (const auto& [name, part] : kParts) {
        if (part == of) {
            return std::string(name);
        }
    }
    return std::string(kParameter) + parameter;
}

PolicyOptions LimitsOptions::purchase_defaults() {
    PolicyOptions options;
    options.requests = 5;
    options.block = Millis{300'000};
    options.mode = Mode::exact;
    return options;
}

PolicyOptions* LimitsOptions::find(std::string_view name) {
    return policy_in<PolicyOptions>(*this, name);
}

const PolicyOptions* LimitsOptions::find(std::string_view name) const {
    return policy_in<const PolicyOptions>(*this, name);
}

std::optional<config::Flaw> check_policy_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (!name.empty() && name.size() <= kPolicyNameMax && name.front() >= 'a' &&
        name.front() <= 'z' && std::ranges::all_of(name, fits)) {
        return std::nullopt;
    }
    return config::Flaw{"is no name of a policy or tier",
                        "use up to 32 small letters, digits and hyphens, a letter first"};
}

std::optional<config::Flaw> check_tenant(std::string_view tenant) {
    if (!tenant.empty() && tenant.size() <= kTenantMax) {
        return std::nullopt;
    }
    return config::Flaw{"is no id of a tenant", "write the tenant_id as tokens carry it"};
}

std::vector<config::Flaw> flaws_of(const PolicyOptions& options) {
    std::vector<config::Flaw> flaws;
    if (options.key.empty() || options.key.size() > kKeyPartsMax) {
        flaws.push_back({"has a key of " + std::to_string(options.key.size()) + " parts",
                         "name 1 to " + std::to_string(kKeyPartsMax)});
    }
    for (auto part = options.key.begin(); part != options.key.end(); ++part) {
        if (std::find(options.key.begin(), part, *part) != part) {
            flaws.push_back({"names " + part->to_string() + " twice in its key", "name it once"});
        }
    }
    std::map<std::string_view, std::string_view> tier_of;
    for (const auto& [name, tier] : options.tiers) {
        for (const std::string& tenant : tier.tenants) {
            const auto [at, fresh] = tier_of.emplace(tenant, name);
            if (!fresh) {
                flaws.push_back({"has " + config::quote(tenant) + " in the tiers " +
                                     std::string(at->second) + " and " + name,
                                 "leave it in one"});
            }
        }
    }
    if (options.counted == Counted::failures && options.mode == Mode::leased) {
        flaws.push_back({"counts failures only, with permits taken ahead",
                         "use the mode exact or local for it"});
    }
    if (options.block.count() > 0 && options.mode == Mode::leased) {
        flaws.push_back(
            {"blocks keys, with permits taken ahead", "use the mode exact or local for it"});
    }
    return flaws;
}

Policy::Policy(std::string name, const PolicyOptions& options)
    : name_(std::move(name)),
      quoted_name_("\"" + name_ + "\""),
      window_text_(";w=" +
                   std::to_string(std::chrono::ceil<std::chrono::seconds>(options.window).count())),
      quota_(options.requests, options.window, options.block),
      key_(options.key),
      mode_(options.mode),
      counted_(options.counted),
      enabled_(options.enabled),
      dry_run_(options.dry_run) {
    ensure(!check_policy_name(name_) && flaws_of(options).empty(), "a policy that was checked");
    for (const auto& [tier_name, tier] : options.tiers) {
        const Quota quota(tier.requests, options.window, options.block);
        tiers_.emplace(tier_name, quota);
        for (const std::string& tenant : tier.tenants) {
            tenants_.emplace(tenant, quota);
        }
    }
}

const Quota& Policy::quota(std::string_view tenant, std::string_view tier) const {
    if (!tier.empty()) {
        if (const auto at = tiers_.find(tier); at != tiers_.end()) {
            return at->second;
        }
    }
    if (tenants_.empty()) {
        return quota_;
    }
    const auto at = tenants_.find(tenant);
    return at == tenants_.end() ? quota_ : at->second;
}

KeyText::KeyText(const Policy& policy, const KeyValues& values) {
    append(policy.name());
    append(":");
    bool first = true;
    for (const KeyPart& part : policy.key()) {
        append(first ? "" : "|");
        append_part(part, values);
        first = false;
    }
}

void KeyText::append(std::string_view text) {
    ensure(text.size() <= bytes_.size() - size_, "room for every key");
    copy_text(bytes_.data() + size_, text);
    size_ += text.size();
}

void KeyText::append_value(std::string_view value) {
    if (value.empty()) {
        return;
    }
    append("=");
    if (stands_as_it_is(value)) {
        append(value);
        return;
    }
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(value.data()), value.size(), digest.data());
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array<char, 33> text{'#'};
    for (std::size_t i = 0; i < 8; ++i) {
        const unsigned bits = static_cast<unsigned>(digest[3 * i]) << 16U |
                              static_cast<unsigned>(digest[3 * i + 1]) << 8U | digest[3 * i + 2];
        for (std::size_t j = 0; j < 4; ++j) {
            text[1 + 4 * i + j] = kAlphabet[(bits >> (18 - 6 * j)) & 63U];
        }
    }
    append({text.data(), text.size()});
}

void KeyText::append_address(const IpAddress& address) {
    append("=");
    std::array<char, 16> text{};
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t counted = address.is_v4() ? 4 : 8;
    for (std::size_t i = 0; i < counted; ++i) {
        text[2 * i] = kDigits[address.bytes()[i] >> 4U];
        text[2 * i + 1] = kDigits[address.bytes()[i] & 15U];
    }
    append({text.data(), 2 * counted});
}

void KeyText::append_part(const KeyPart& part, const KeyValues& values) {
    switch (part.of) {
        case Of::caller:
            if (!values.user.empty()) {
                append("u");
                append_value(values.user);
            } else if (!values.api_key.empty()) {
                append("k");
                append_value(values.api_key);
            } else {
                append("a");
                append_address(values.address);
            }
            return;
        case Of::user:
            append("u");
            append_value(values.user);
            return;
        case Of::tenant:
            append("t");
            append_value(values.tenant);
            return;
        case Of::api_key:
            append("k");
            append_value(values.api_key);
            return;
        case Of::address:
            append("a");
            append_address(values.address);
            return;
        case Of::route:
            append("r");
            append_value(values.route);
            return;
        case Of::parameter: {
            append("p.");
            append(part.parameter);
            const auto at = std::ranges::find(values.parameters, part.parameter,
                                              [](const auto& pair) { return pair.first; });
            append_value(folded(at == values.parameters.end() ? std::string_view{} : at->second));
            return;
        }
    }
}

}  // namespace gw::limits
