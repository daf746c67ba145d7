#include "control/limit_key.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "state/banned_value.hpp"

namespace gw::control {
namespace {

using Of = limits::KeyPart::Of;
using Kind = LimitedOne::Kind;

constexpr std::size_t kWhoMax = 256;

std::string masked(std::string_view value) {
    const std::size_t at = value.find('@');
    return at == std::string_view::npos
               ? std::string(value)
               : std::string(value.substr(0, std::min<std::size_t>(at, 1))) + "…" +
                     std::string(value.substr(at));
}

std::optional<std::uint8_t> hex_byte(std::string_view digits) {
    unsigned byte = 0;
    for (const char c : digits) {
        const std::size_t at = std::string_view("0123456789abcdef").find(c);
        if (at == std::string_view::npos) {
            return std::nullopt;
        }
        byte = byte * 16 + static_cast<unsigned>(at);
    }
    return static_cast<std::uint8_t>(byte);
}

// "cb007107" is 203.0.113.7; sixteen digits are the /64 of an IPv6 address.
std::string address_text(std::string_view hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 2 <= hex.size(); i += 2) {
        const auto byte = hex_byte(hex.substr(i, 2));
        if (!byte) {
            return std::string(hex);
        }
        bytes.push_back(*byte);
    }
    if (bytes.size() == 4) {
        return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}).to_string();
    }
    std::string text;
    for (std::size_t i = 0; i + 4 <= hex.size(); i += 4) {
        text += std::string(hex.substr(i, 4)) + ":";
    }
    const auto parsed = IpAddress::parse(text + ":");
    return parsed && bytes.size() == 8 ? parsed->to_string() + "/64" : std::string(hex);
}

std::string readable_part(std::string_view part) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    const std::string_view value = part.substr(std::min(equals + 1, part.size()));
    std::string text = name == "u"              ? "user"
                       : name == "t"            ? "tenant"
                       : name == "k"            ? "API key"
                       : name == "a"            ? "address"
                       : name == "r"            ? "route"
                       : name.starts_with("p.") ? std::string(name.substr(2))
                                                : std::string(name);
    if (value.empty()) {
        return "no " + text;
    }
    if (value.starts_with('#')) {
        return text + " (hashed)";
    }
    if (name == "a") {
        return text + " " + address_text(value);
    }
    if (name == "k") {
        return text + " " + std::string(value.substr(0, 4)) + "…";
    }
    return text + " " + masked(value);
}

limits::KeyValues values_of(const LimitedOne& one) {
    limits::KeyValues values{};
    switch (one.kind) {
        case Kind::user:
            values.user = one.who;
            break;
        case Kind::tenant:
            values.tenant = one.who;
            break;
        case Kind::api_key:
            values.api_key = one.who;
            break;
        case Kind::address:
            values.address = state::parse_banned_block(one.who).value_or(Cidr{}).base;
            break;
    }
    return values;
}

// Follows from who it is what stands in this part?
bool follows(Of part, Kind kind) {
    switch (part) {
        case Of::caller:
            return kind != Kind::tenant;
        case Of::user:
            return kind == Kind::user;
        case Of::tenant:
            return kind == Kind::tenant;
        case Of::api_key:
            return kind == Kind::api_key;
        case Of::address:
            return kind == Kind::address;
        case Of::route:
            return true;
        case Of::parameter:
            return false;
    }
    return false;
}

}  // namespace

std::string_view policy_of_key(std::string_view key) {
    return key.substr(0, key.find(':'));
}

std::string readable_key(std::string_view key) {
    std::string text;
    std::string_view left = key.substr(std::min(policy_of_key(key).size() + 1, key.size()));
    while (!left.empty()) {
        const std::string_view part = left.substr(0, left.find('|'));
        text += (text.empty() ? "" : ", ") + readable_part(part);
        left.remove_prefix(std::min(part.size() + 1, left.size()));
    }
    return text;
}

std::optional<LimitedOne> LimitedOne::parse(std::string_view kind, const std::string& who) {
    constexpr std::array<std::pair<std::string_view, Kind>, 4> kKinds{{{"user", Kind::user},
                                                                       {"tenant", Kind::tenant},
                                                                       {"api-key", Kind::api_key},
                                                                       {"ip", Kind::address}}};
    for (const auto& [name, found] : kKinds) {
        if (kind == name && !who.empty() && who.size() <= kWhoMax &&
            (found != Kind::address || state::parse_banned_block(who))) {
            return LimitedOne{found, who};
        }
    }
    return std::nullopt;
}

std::string key_part_of(const LimitedOne& one) {
    limits::PolicyOptions options;
    options.key = {{one.kind == Kind::user      ? Of::user
                    : one.kind == Kind::tenant  ? Of::tenant
                    : one.kind == Kind::api_key ? Of::api_key
                                                : Of::address,
                    {}}};
    const limits::Policy policy("x", options);
    const limits::KeyValues values = values_of(one);
    return std::string(limits::KeyText(policy, values).view().substr(2));
}

bool counts_for(std::string_view key, std::string_view part) {
    std::string_view left = key.substr(std::min(policy_of_key(key).size() + 1, key.size()));
    while (!left.empty()) {
        const std::string_view one = left.substr(0, left.find('|'));
        if (one == part) {
            return true;
        }
        left.remove_prefix(std::min(one.size() + 1, left.size()));
    }
    return false;
}

std::vector<std::string> keys_for(const limits::Policy& policy, const LimitedOne& one,
                                  const std::vector<std::string>& routes) {
    const auto& parts = policy.key();
    const auto routed = [](const limits::KeyPart& part) { return part.of == Of::route; };
    std::vector<std::string> keys;
    if (!std::ranges::all_of(parts, [&](const auto& p) { return follows(p.of, one.kind); }) ||
        std::ranges::all_of(parts, routed)) {
        return keys;
    }
    limits::KeyValues values = values_of(one);
    const bool by_route = std::ranges::any_of(parts, routed);
    for (std::size_t i = 0; i < (by_route ? routes.size() : 1); ++i) {
        values.route = by_route ? std::string_view(routes[i]) : std::string_view{};
        keys.emplace_back(limits::KeyText(policy, values).view());
    }
    return keys;
}

}  // namespace gw::control
