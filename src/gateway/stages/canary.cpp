// Sends some of a route's requests to another version of its service: by rule, or a share of the
// callers, each always to the same. It is decided once, here: whatever is tried again is tried
// there. A version that is not asked at the moment, because its breaker is open or because it is
// under maintenance, is passed over for the route's own service.
#include <algorithm>

#include "base/text.hpp"
#include "gateway/balance_key.hpp"
#include "gateway/canary_options.hpp"
#include "gateway/field_changes.hpp"
#include "gateway/service_maintenance.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

// 0 to 99, evenly. FNV-1a, whose upper bits are mixed into the lower ones (MurmurHash3's end).
std::uint32_t point_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
    return static_cast<std::uint32_t>((hash ^ (hash >> 33)) % 100);
}

bool has_field(const http::Headers& headers, std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim_ows(line.substr(colon + 1));
    return std::ranges::any_of(headers, [&](const http::Field& field) {
        return equal_ignore_case(field.name, name) && field.value == value;
    });
}

bool has_cookie(const http::Headers& headers, std::string_view pair) {
    const std::size_t equals = pair.find('=');
    return std::ranges::any_of(headers, [&](const http::Field& field) {
        return field.known == http::Known::cookie &&
               cookie_value(field.value, pair.substr(0, equals)) == pair.substr(equals + 1);
    });
}

bool names(const CanaryVersion& version, const CanaryFacts& facts) {
    return (!version.header.empty() && has_field(facts.headers, version.header)) ||
           (!version.cookie.empty() && has_cookie(facts.headers, version.cookie)) ||
           (!facts.tenant.empty() &&
            std::ranges::find(version.tenants, facts.tenant) != version.tenants.end());
}

std::string_view sticky_value(const Exchange& x, StickBy by) {
    if (x.identity != nullptr && by != StickBy::address) {
        return by == StickBy::user ? x.identity->subject : x.identity->tenant;
    }
    return x.client_text;
}

bool is_available(const Exchange& x, std::size_t service) {
    WallTime until{};
    // A WebSocket is asked for over HTTP/1.1.
    if (x.websocket != nullptr &&
        x.generation.services[service]->options().protocol == upstream::ServiceProtocol::h2) {
        return false;
    }
    return x.generation.breakers[service]->would_admit(x.shard.loop().now()) &&
           !is_closed(x, service, until);
}

Verdict decide(Exchange& x, const CanaryOptions& o) {
    const std::optional<std::size_t> chosen = choose_version(
        o, {.headers = x.head().headers,
            .tenant = x.identity != nullptr ? std::string_view(x.identity->tenant) : "",
            .sticky = sticky_value(x, o.sticky)});
    if (chosen) {
        const std::size_t service = x.route->canaries[*chosen];
        if (is_available(x, service)) {
            x.service_index = service;
        } else {
            x.generation.service_series[service]->canary_fallbacks.add();
        }
    }
    x.version_field = o.answer_field;
    return go_on();
}

OptionsPtr read(config::Reader& reader) {
    auto options = std::make_shared<CanaryOptions>();
    config::read(reader, *options);
    const auto blame = [&](std::string what, std::string remedy) {
        reader.blame("versions", "canary.versions " + std::move(what), std::move(remedy));
    };
    std::uint32_t percent = 0;
    for (const CanaryVersion& version : options->versions) {
        percent += version.percent;
        if (version.percent == 0 && version.header.empty() && version.cookie.empty() &&
            version.tenants.empty()) {
            blame("has " + config::quote(version.service) + ", which gets no requests",
                  "give it percent, header, cookie or tenants");
        }
    }
    if (options->versions.empty()) {
        blame("is empty", "list at least one, or remove `canary`");
    }
    if (options->versions.size() > CanaryOptions::kVersionsMax) {
        blame("has more than 8 entries", "list fewer");
    }
    if (percent > 100) {
        blame("give away " + std::to_string(percent) + " percent", "use 100 at most");
    }
    return options;
}

constexpr Stage row() {
    Stage stage = gateway::stage<CanaryOptions, decide>("canary");
    stage.read = read;
    return stage;
}

}  // namespace

std::optional<std::size_t> choose_version(const CanaryOptions& options, const CanaryFacts& facts) {
    const auto named = std::ranges::find_if(
        options.versions, [&](const CanaryVersion& version) { return names(version, facts); });
    if (named != options.versions.end()) {
        return static_cast<std::size_t>(named - options.versions.begin());
    }
    const std::uint32_t point = point_of(facts.sticky);
    std::uint32_t below = 0;
    for (std::size_t i = 0; i < options.versions.size(); ++i) {
        below += options.versions[i].percent;
        if (point < below) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<config::Flaw> check_canary_header(std::string_view line) {
    const std::size_t colon = line.find(':');
    const bool good = colon != std::string_view::npos && is_token(line.substr(0, colon)) &&
                      !trim_ows(line.substr(colon + 1)).empty();
    return good ? std::nullopt
                : std::optional(config::Flaw{"is " + config::quote(line),
                                             "write \"Name: value\", in quotes"});
}

std::optional<config::Flaw> check_canary_cookie(std::string_view pair) {
    const std::size_t equals = pair.find('=');
    const bool good = equals != std::string_view::npos && is_token(pair.substr(0, equals)) &&
                      equals + 1 < pair.size() && !pair.contains(';');
    return good ? std::nullopt
                : std::optional(config::Flaw{"is " + config::quote(pair), "write name=value"});
}

std::optional<config::Flaw> check_answer_field(std::string_view name) {
    FieldChanges changes;
    if (name.empty()) {
        return std::nullopt;
    }
    if (auto flaw = check_field_name(name)) {
        return flaw;
    }
    changes.remove.emplace_back(name);
    auto flaws = flaws_of(changes, Towards::client, false);
    return flaws.empty() ? std::nullopt : std::optional(std::move(flaws.front().flaw));
}

namespace stages {
extern constinit const Stage canary = row();
}

const CanaryOptions* canary_of(const StageOptionsList& options) {
    return static_cast<const CanaryOptions*>(find_options(options, stages::canary));
}

}  // namespace gw::gateway
