#include "app/upcoming.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace gw::app {
namespace {

using config::Flaw;
using config::Text;

enum class Kind : std::uint8_t { text, boolean, integer, url, share };

struct Upcoming {
    std::string_view name;
    Kind kind = Kind::text;
    config::Range range{};  // of integers
};

constexpr auto kUpcoming = std::to_array<Upcoming>({
    {"OTEL_EXPORTER_OTLP_ENDPOINT", Kind::url},
    {"OTEL_TRACES_SAMPLER_ARG", Kind::share},
});

// Names that begin so are ours: one that nobody knows is a slip of a finger.
constexpr std::array<std::string_view, 8> kOurPrefixes{
    "JWT_", "REDIS_", "RATE_LIMIT_", "CIRCUIT_BREAKER_", "TIMEOUT_", "SHUTDOWN_", "ADMIN_", "TLS_"};
constexpr std::string_view kServiceUrl = "_SERVICE_URL";

std::optional<Flaw> check_url(const Text& text, std::span<const std::string_view> schemes) {
    for (const std::string_view scheme : schemes) {
        if (text.text.starts_with(scheme) && text.text.size() > scheme.size() &&
            text.text.find_first_of(" \t\"<>") == std::string_view::npos) {
            return std::nullopt;
        }
    }
    return Flaw{config::shown(text),
                "write " + std::string(schemes[0]) + "… or " + std::string(schemes[1]) + "…"};
}

std::optional<Flaw> check_share(const Text& text) {
    double number = 0;
    const std::string_view digits = text.text;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc{} && stop == end && number >= 0 && number <= 1) {
        return std::nullopt;
    }
    return Flaw{config::shown(text), "write a number from 0 to 1"};
}

std::optional<Flaw> check_value(const Upcoming& variable, std::string_view value) {
    constexpr std::array<std::string_view, 2> kHttp{"http://", "https://"};
    Text text{value, false, false};
    const auto flaw_of = [](auto parsed) {
        return parsed ? std::nullopt : std::optional(std::move(parsed.error()));
    };
    switch (variable.kind) {
        case Kind::boolean:
            return flaw_of(config::parse_bool(text));
        case Kind::integer:
            return flaw_of(config::parse_integer(text, variable.range));
        case Kind::url:
            return check_url(text, kHttp);
        case Kind::share:
            return check_share(text);
        case Kind::text:
            break;
    }
    return flaw_of(config::parse_string(text, {}));
}

std::string_view kind_name(const Upcoming& variable) {
    switch (variable.kind) {
        case Kind::boolean:
            return "true or false";
        case Kind::integer:
            return "whole number";
        case Kind::url:
            return "URL";
        case Kind::share:
            return "number from 0 to 1";
        case Kind::text:
            break;
    }
    return "text";
}

bool looks_like_ours(std::string_view name) {
    return name.ends_with(kServiceUrl) ||
           std::ranges::any_of(kOurPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

}  // namespace

std::vector<std::string> check_upcoming(config::Reading& reading) {
    std::vector<std::string> set;
    for (const Upcoming& variable : kUpcoming) {
        const std::string name(variable.name);
        reading.variables.insert(name);
        if (const std::string* value = reading.environment.find(name)) {
            set.push_back(name);
            if (auto flaw = check_value(variable, *value)) {
                reading.blame_variable(name, name + " " + flaw->what, std::move(flaw->remedy));
            }
        }
    }
    return set;
}

void check_unknown_variables(config::Reading& reading) {
    const std::vector<std::string_view> known(reading.variables.begin(), reading.variables.end());
    for (const auto& [name, value] : reading.environment.values()) {
        if (!looks_like_ours(name) || reading.variables.contains(name)) {
            continue;
        }
        const std::string_view meant = config::nearest(name, known);
        std::string remedy = "unset it";
        if (!meant.empty()) {
            remedy = "did you mean " + std::string(meant) + "?";
        } else if (name.ends_with(kServiceUrl)) {
            remedy = "unset it, or describe the service under `services`";
        }
        reading.blame_variable(name, name + " is no setting", std::move(remedy));
    }
}

std::vector<UpcomingVariable> upcoming_variables() {
    std::vector<UpcomingVariable> out;
    out.reserve(kUpcoming.size());
    for (const Upcoming& variable : kUpcoming) {
        out.push_back({variable.name, kind_name(variable)});
    }
    return out;
}

}  // namespace gw::app
