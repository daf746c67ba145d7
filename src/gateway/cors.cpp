#include "gateway/cors.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::gateway {
namespace {

using config::Flaw;

constexpr std::size_t kOriginMax = 300;  // a scheme, a host of 253 and a port

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) {
        out += (out.empty() ? "" : ", ") + name;
    }
    return out;
}

bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.';
}

// One or more labels, as browsers write them.
bool is_name(std::string_view text) {
    return !text.empty() && text.front() != '.' && text.back() != '.' && !text.contains("..") &&
           std::ranges::all_of(text, is_host_char);
}

bool is_scheme(std::string_view text) {
    return !text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
           std::ranges::all_of(text, [](char c) { return is_host_char(c) || c == '+'; });
}

bool is_place(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (text.starts_with('[')) {
        return text.contains(']');
    }
    if (colon == std::string_view::npos) {
        return is_name(text);
    }
    const auto port = parse_decimal(text.substr(colon + 1));
    return is_name(text.substr(0, colon)) && port && *port > 0 && *port < 65'536;
}

// A browser leaves the port out where it is the scheme's own.
bool has_usual_port(std::string_view scheme, std::string_view place) {
    return (scheme == "https" && place.ends_with(":443")) ||
           (scheme == "http" && place.ends_with(":80"));
}

}  // namespace

std::optional<Flaw> check_cors_origin(std::string_view origin) {
    if (origin == "*") {
        return std::nullopt;
    }
    const std::size_t mark = origin.find("://");
    std::string_view place =
        mark == std::string_view::npos ? std::string_view{} : origin.substr(mark + 3);
    const std::string_view scheme = origin.substr(0, std::min(mark, origin.size()));
    if (place.starts_with("*.")) {
        place.remove_prefix(2);
    }
    if (origin.size() <= kOriginMax && is_scheme(scheme) && is_place(place) &&
        !has_usual_port(scheme, place)) {
        return std::nullopt;
    }
    return Flaw{"is " + config::quote(origin),
                "write it as browsers do: scheme, host in small letters, a port if it is not the "
                "usual one, and nothing behind it: https://app.example.com or "
                "https://*.example.com"};
}

std::optional<Flaw> check_token(std::string_view name) {
    return is_token(name) ? std::nullopt
                          : std::optional(Flaw{"is " + config::quote(name), "write one name"});
}

std::optional<Flaw> flaw_of(const CorsOptions& options) {
    const bool any = std::ranges::count(options.origins, "*") > 0;
    if (any && options.credentials) {
        return Flaw{"is * with credentials, which would open every account to every page",
                    "name the origins, or set credentials to false"};
    }
    if (any && options.origins.size() > 1) {
        return Flaw{"has * and others", "keep * alone, or name the origins"};
    }
    return std::nullopt;
}

Cors::Cors(const CorsOptions& options)
    : credentials_(options.credentials),
      methods_(joined(options.methods)),
      headers_(joined(options.headers)),
      exposed_(joined(options.exposed)),
      max_age_(std::to_string(options.max_age_s)) {
    for (const std::string& origin : options.origins) {
        const std::size_t star = origin.find("://*.");
        if (origin == "*") {
            any_ = true;
        } else if (star == std::string::npos) {
            exact_.push_back(origin);
        } else {
            below_.push_back({origin.substr(0, star + 3), origin.substr(star + 4)});
        }
    }
}

bool Cors::allows(std::string_view origin) const {
    if (origin.size() > kOriginMax || origin == "null" || origin.empty()) {
        return false;
    }
    if (any_ || std::ranges::find(exact_, origin) != exact_.end()) {
        return true;
    }
    return std::ranges::any_of(below_, [&](const Subdomains& pattern) {
        return origin.size() > pattern.scheme.size() + pattern.domain.size() &&
               origin.starts_with(pattern.scheme) && origin.ends_with(pattern.domain) &&
               is_name(origin.substr(pattern.scheme.size(), origin.size() - pattern.scheme.size() -
                                                                pattern.domain.size()));
    });
}

}  // namespace gw::gateway
