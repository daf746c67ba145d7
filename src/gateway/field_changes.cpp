#include "gateway/field_changes.hpp"

#include <algorithm>
#include <array>

#include "gateway/shard.hpp"
#include "gateway/template_values.hpp"
#include "http/protected_names.hpp"

namespace gw::gateway {
namespace {

using config::Flaw;
using http::Known;

// Of one connection, of framing, or written by the gateway itself on every message, either way.
constexpr std::array kOwn = std::to_array<std::string_view>({"connection",
                                                             "keep-alive",
                                                             "proxy-connection",
                                                             "proxy-authenticate",
                                                             "proxy-authorization",
                                                             "te",
                                                             "trailer",
                                                             "transfer-encoding",
                                                             "content-length",
                                                             "content-encoding",
                                                             "content-range",
                                                             "upgrade",
                                                             "http2-settings",
                                                             "host",
                                                             "via",
                                                             "date",
                                                             "x-request-id",
                                                             "x-correlation-id",
                                                             "traceparent",
                                                             "tracestate"});
constexpr std::array kOwnTowardsServices = std::to_array<std::string_view>(
    {"expect", "max-forwards", "forwarded", "x-api-key", "idempotency-key", "range"});
constexpr std::array kOwnTowardsClients = std::to_array<std::string_view>(
    {"x-resource-tenant", "x-maintenance-banner", "strict-transport-security", "server-timing",
     "age", "cache-status", "ratelimit", "ratelimit-policy", "idempotent-replayed"});
constexpr std::array kOwnPrefixes =
    std::to_array<std::string_view>({"access-control-", "x-ratelimit-", "sec-websocket-"});

// As application servers read names: '_' is '-'.
std::string folded(std::string_view name) {
    std::string out(name);
    std::ranges::transform(out, out.begin(), [](char c) { return c == '_' ? '-' : lower(c); });
    return out;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) {
        return (x == '_' ? '-' : lower(x)) == (y == '_' ? '-' : lower(y));
    });
}

bool is_protected(std::string_view name, Towards towards) {
    const std::string plain = folded(name);
    const auto among = [&](const auto& names) {
        return std::ranges::find(names, plain) != names.end();
    };
    if (http::names_identity(name) || http::names_framing(name) || among(kOwn) ||
        std::ranges::any_of(kOwnPrefixes,
                            [&](std::string_view prefix) { return plain.starts_with(prefix); })) {
        return true;
    }
    if (towards == Towards::service) {
        return http::names_override(name) || among(kOwnTowardsServices);
    }
    return among(kOwnTowardsClients);
}

std::optional<Flaw> flaw_of(std::string_view name, Towards towards) {
    return is_protected(name, towards)
               ? std::optional(Flaw{"names " + config::quote(name) + ", which is the gateway's own",
                                    "leave it out, or use another name"})
               : std::nullopt;
}

bool is_fit(std::string_view value) {
    return !value.empty() && std::ranges::all_of(value, is_text_char);
}

// Into the exchange's arena; nothing where it is not to be sent.
std::string_view value_of(const Exchange& x, const FieldTemplate& field) {
    std::string value;
    field.value.write_plain(
        value, [&](const TextTemplate::Piece& piece) { return template_value(x, piece); });
    const std::string_view trimmed = trim_ows(value);
    return is_fit(trimmed) ? x.memory.arena.copy(trimmed) : std::string_view{};
}

bool add(const Exchange& x, const std::vector<FieldTemplate>& fields, http::Headers& headers) {
    for (const FieldTemplate& field : fields) {
        const std::string_view value = value_of(x, field);
        if (!value.empty() && !headers.add(field.name, value)) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::optional<Flaw> check_field_name(std::string_view name) {
    return is_token(name) && name.size() <= 128
               ? std::nullopt
               : std::optional(Flaw{"is " + config::quote(name), "write the name of a field"});
}

std::expected<FieldTemplate, Flaw> FieldTemplate::parse(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || check_field_name(name)) {
        return std::unexpected(
            Flaw{"is " + config::quote(line), "write \"Name: value\", in quotes"});
    }
    auto value = TextTemplate::parse(trim_ows(line.substr(colon + 1)));
    if (!value) {
        return std::unexpected(std::move(value.error()));
    }
    if (value->empty()) {
        return std::unexpected(
            Flaw{"has no value", "give it one, or list the name under `remove`"});
    }
    return FieldTemplate{.name = std::string(name), .value = *std::move(value)};
}

std::vector<FieldFlaw> flaws_of(const FieldChanges& changes, Towards towards, bool authorization) {
    std::vector<FieldFlaw> flaws;
    const auto look = [&](std::string_view list, std::string_view name) {
        if (auto flaw = flaw_of(name, towards)) {
            flaws.push_back({.list = list, .flaw = *std::move(flaw)});
        } else if (towards == Towards::service && list != "remove" && !authorization &&
                   folded(name) == "authorization") {
            flaws.push_back(
                {.list = list,
                 .flaw = {"names Authorization, which is the caller's",
                          "say `authorization: true` beside `request` if you mean it"}});
        }
    };
    for (const FieldTemplate& field : changes.set) {
        look("set", field.name);
    }
    for (const FieldTemplate& field : changes.add) {
        look("add", field.name);
    }
    for (const std::string& name : changes.remove) {
        look("remove", name);
    }
    const auto count = [&](std::string_view list, std::size_t size) {
        if (size > FieldChanges::kEachMax) {
            flaws.push_back({.list = list, .flaw = {"has more than 16 entries", "list fewer"}});
        }
    };
    count("set", changes.set.size());
    count("add", changes.add.size());
    count("remove", changes.remove.size());
    return flaws;
}

bool change_fields(const Exchange& x, const FieldChanges& changes, http::Headers& headers) {
    headers.erase_if([&](const http::Field& field) {
        const auto is = [&](std::string_view name) { return same_name(field.name, name); };
        return std::ranges::any_of(changes.remove, is) ||
               std::ranges::any_of(changes.set,
                                   [&](const FieldTemplate& set) { return is(set.name); });
    });
    return add(x, changes.set, headers) && add(x, changes.add, headers);
}

}  // namespace gw::gateway
