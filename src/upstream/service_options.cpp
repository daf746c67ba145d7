#include "upstream/service_options.hpp"

#include <charconv>

namespace gw::upstream {
namespace {

constexpr std::string_view kRemedy = "write http://host:port or https://host:port";
constexpr std::size_t kHostMax = 253;  // the longest name that DNS allows

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

bool is_host(std::string_view host, bool in_brackets) {
    if (in_brackets) {
        const auto address = IpAddress::parse(host);
        return address && !host.empty() && host.find(':') != std::string_view::npos;
    }
    if (host.empty() || host.size() > kHostMax || host.front() == '.' || host.front() == '-' ||
        host.find("..") != std::string_view::npos) {
        return false;
    }
    for (const char c : host) {
        if (!is_name_character(c)) {
            return false;
        }
    }
    // Digits and dots alone are an address, and then a right one.
    return host.find_first_not_of("0123456789.") != std::string_view::npos ||
           IpAddress::parse(host).has_value();
}

// The port's digits, or nothing.
bool read_port(std::string_view text, std::uint16_t& port) {
    unsigned number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || stop != text.data() + text.size() || number < 1 ||
        number > 65'535) {
        return false;
    }
    port = static_cast<std::uint16_t>(number);
    return true;
}

}  // namespace

std::expected<ServiceUrl, config::Flaw> ServiceUrl::parse(std::string_view text) {
    // The address may carry a password by mistake: it is shown only where it cannot.
    const auto refuse = [](std::string what, std::string_view remedy = kRemedy) {
        return std::unexpected(config::Flaw{std::move(what), std::string(remedy)});
    };
    constexpr std::string_view kPlain = "http://";
    constexpr std::string_view kSecure = "https://";
    ServiceUrl url;
    url.tls = text.starts_with(kSecure);
    url.port = url.tls ? 443 : 80;
    if (!url.tls && !text.starts_with(kPlain)) {
        return refuse("does not begin with http:// or https://");
    }
    std::string_view rest = text.substr(url.tls ? kSecure.size() : kPlain.size());
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    if (rest.find('@') != std::string_view::npos) {
        return refuse("holds a user name or password");
    }
    if (rest.find_first_of("/?#") != std::string_view::npos) {
        return refuse("holds a path or query",
                      "write http://host:port, and the path as `rewrite` of the routes");
    }
    const bool in_brackets = rest.starts_with('[');
    const std::size_t host_end =
        in_brackets ? rest.find(']') : std::min(rest.find(':'), rest.size());
    if (host_end == std::string_view::npos) {
        return refuse("lacks the closing bracket of its address");
    }
    url.host = rest.substr(in_brackets ? 1 : 0, host_end - (in_brackets ? 1 : 0));
    if (!is_host(url.host, in_brackets)) {
        return refuse("names " + config::quote(url.host) + ", which is no host");
    }
    rest.remove_prefix(host_end + (in_brackets ? 1 : 0));
    if (!rest.empty() && (!rest.starts_with(':') || !read_port(rest.substr(1), url.port))) {
        return refuse("has no valid port", "write http://host:port with a port from 1 to 65535");
    }
    return url;
}

std::string ServiceUrl::to_string() const {
    return host.empty() ? "" : (tls ? "https://" : "http://") + authority();
}

std::string ServiceUrl::authority() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<config::Flaw> check_service_name(std::string_view name) {
    constexpr std::size_t kNameMax = 64;
    bool good =
        !name.empty() && name.size() <= kNameMax && name.front() >= 'a' && name.front() <= 'z';
    for (const char c : name) {
        good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
    }
    if (good) {
        return std::nullopt;
    }
    return config::Flaw{"is no name of a service",
                        "use up to 64 small letters, digits and hyphens, a letter first"};
}

}  // namespace gw::upstream
